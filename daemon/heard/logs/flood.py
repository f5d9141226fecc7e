"""Core: tells a flood of one message from news. The first few pass, the rest is counted, period by period."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

BURST = 10
"""So many of one message pass in a period: a handful of sources in the same trouble is news."""
PERIOD_S = 60.0
MOST_KINDS = 1000
"""Messages that are remembered at once; one that was not heard for a period is forgotten."""


@dataclass(slots=True)
class _Kind:
    began: float
    passed: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """How many of a message were held back, and in how many seconds."""

    kind: Hashable
    count: int
    seconds: float


@dataclass(slots=True)
class Flood:
    """Counts messages by kind. `now` is monotonic seconds throughout."""

    burst: int = BURST
    period_s: float = PERIOD_S
    _kinds: dict[Hashable, _Kind] = field(default_factory=dict)

    def passes(self, kind: Hashable, now: float) -> bool:
        """Take note of a message; return whether it is to be said."""
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= MOST_KINDS:
                self._forget(now)
            known = self._kinds[kind] = _Kind(now)
        elif not known.held and now - known.began >= self.period_s:
            known.began, known.passed = now, 0
        # While some are held back none passes before `due` has told of them: the order stays true.
        if known.held or known.passed >= self.burst:
            known.held += 1
            return False
        known.passed += 1
        return True

    def due(self, now: float, *, all_of_them: bool = False) -> list[Held]:
        """Return what was held back in periods that are over (or at all), each once; a new period begins.

        A message that flooded a whole period has to be told of, and passes no more than once in the next.
        """
        told = []
        for kind, known in self._kinds.items():
            if known.held and (all_of_them or now - known.began >= self.period_s):
                told.append(Held(kind, known.held, now - known.began))
                known.began, known.held, known.passed = now, 0, max(0, self.burst - 1)
        return told

    def next_due(self) -> float | None:
        """Return when `due` has something to say, None where nothing is held back."""
        return min(
            (known.began + self.period_s for known in self._kinds.values() if known.held), default=None
        )

    def _forget(self, now: float) -> None:
        """Make room: what is quiet goes, and where nothing is, the oldest that holds nothing back."""
        old = [k for k, each in self._kinds.items() if not each.held and now - each.began >= self.period_s]
        for kind in old or [next((k for k, each in self._kinds.items() if not each.held), None)]:
            self._kinds.pop(kind, None)
