"""Results as they are kept: one line of JSON for each mix, setting, engine and version of the code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from .measures import Quality
from .outcome import Key, Outcome


class Kept:
    """Results in a file of a folder, one a line, each written when it is there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "results.jsonl"
        self._found: dict[str, Outcome] = {}
        self.unreadable = 0
        """Lines that are no result: a run that was ended in the middle of one leaves it."""
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                self._read(line)

    def get(self, key: Key) -> Outcome | None:
        """Return what is kept, None if there is nothing."""
        return self._found.get(key.text())

    def put(self, key: Key, outcome: Outcome) -> None:
        """Keep a result, now and for later runs."""
        text = key.text()
        with self._path.open("a", encoding="utf-8") as file:
            # The newline in front ends a line that an earlier run left without one.
            file.write("\n" + json.dumps({"key": text, "outcome": asdict(outcome)}))
        self._found[text] = outcome

    def _read(self, line: str) -> None:
        if not line:
            return
        try:
            read = json.loads(line)
            fields = read["outcome"]
            quality = fields.pop("quality")
            self._found[read["key"]] = Outcome(**fields, quality=Quality(**quality) if quality else None)
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
