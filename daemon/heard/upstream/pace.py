"""Core: how fast audio may be sent.

The service works at about 1.25 times real time and ends a session that is five minutes ahead of it; an
older rule ends one that is sent faster than real time. The local recognizer takes what it can, and
its own count says how far it is behind.
"""

from __future__ import annotations

CATCH_UP = 1.2
"""Times real time while there is a backlog."""
BURST_S = 1.0
"""So much may be sent at once: what gathers while a process is late."""
AHEAD_S = 20.0
"""A service that counts what it receives is sent no more than this beyond its count."""


class Pace:
    """A bucket of seconds of audio that fills at `rate` times real time; None is no limit."""

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._filled_at = now
        self._seconds = BURST_S

    def allows(self, seconds: float, now: float) -> bool:
        """Return whether so much audio may be sent now."""
        self._fill(now)
        # Float sums of many small steps fall short by some 1e-12.
        return self._rate is None or self._seconds >= seconds - 1e-9

    def spend(self, seconds: float, now: float) -> None:
        """Note that so much audio was sent."""
        self._fill(now)
        self._seconds -= seconds

    def _fill(self, now: float) -> None:
        if self._rate is not None:
            self._seconds = min(BURST_S, self._seconds + (now - self._filled_at) * self._rate)
        self._filled_at = now


def slower(rate: float | None) -> float:
    """Return the rate after a session was closed for being sent too fast."""
    return 1.0 if rate is None else min(1.0, rate)
