"""Core: what a session is opened with, and what of it can still be changed in a running one."""

from __future__ import annotations

from dataclasses import dataclass, field

from heard.wire.v3_params import LIVE


@dataclass(frozen=True, slots=True)
class Terms:
    """What a session is opened with."""

    model: str
    params: dict[str, object] = field(default_factory=dict)
    """Further v3 parameters by their names."""
    place: int = 0
    """Counts up whenever the service's address or the key becomes another."""

    def changes(self, wanted: Terms) -> dict[str, object] | None:
        """Return the parameters to send to a running session so that it is on `wanted` terms.

        None where only another session can be: something is fixed when a session is opened, or a
        parameter is no longer set, and the service's own default is not for us to know.
        """
        if (self.model, self.place) != (wanted.model, wanted.place) or self.params.keys() - wanted.params:
            return None
        changed = {
            name: value
            for name, value in wanted.params.items()
            if name not in self.params or self.params[name] != value
        }
        return changed if changed.keys() <= LIVE else None
