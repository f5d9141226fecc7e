"""Reading a map that a daemon of another version may have made: what is not there reads as empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True, slots=True)
class Fields:
    """A map; every question about it has an answer."""

    body: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return the text called `name`, empty where there is none."""
        value = self.body.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return the number called `name`, None where there is none."""
        value = self.body.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def count(self, name: str) -> int:
        """Return the count called `name`, 0 where there is none."""
        return int(self.number(name) or 0)

    def inner(self, name: str) -> Fields:
        """Return the map called `name`, an empty one where there is none."""
        value = self.body.get(name)
        return Fields(cast("Mapping[str, object]", value)) if isinstance(value, dict) else Fields({})

    def each(self, name: str) -> list[tuple[str, Fields]]:
        """Return the maps that the map called `name` holds, with their names."""
        inside = self.inner(name)
        return [(str(key), inside.inner(key)) for key in inside.body]

    def items(self, name: str) -> list[Fields]:
        """Return the maps in the list called `name`, an empty list where there is none."""
        value = self.body.get(name)
        return [Fields(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """Return the texts in the list called `name`, an empty list where there is none."""
        value = self.body.get(name)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []

    def counts(self, name: str) -> dict[str, int]:
        """Return the map called `name` as counts, without those that are 0."""
        inside = self.inner(name)
        return {str(key): inside.count(key) for key in inside.body if inside.count(key)}
