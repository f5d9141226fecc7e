"""Core: whether the machine was asleep, seen from two clocks."""

from __future__ import annotations

LEAST_S = 0.2
"""Less is no sleep: the clocks cannot be read at the same moment."""
APART_S = 0.05
"""A reading that took longer says nothing: this process was held up in the middle of it."""


class Sleep:
    """Compares CLOCK_MONOTONIC, which stands still while the machine is suspended, with CLOCK_BOOTTIME."""

    def __init__(self) -> None:
        self._ahead: float | None = None

    def slept_s(self, before: float, boot: float, after: float) -> float:
        """Return for how many seconds the machine slept since the last call; 0 where it did not.

        `boot` was read between the monotonic times `before` and `after`.
        """
        if after - before > APART_S:
            return 0.0
        last, self._ahead = self._ahead, boot - after
        slept = 0.0 if last is None else self._ahead - last
        return slept if slept >= LEAST_S else 0.0
