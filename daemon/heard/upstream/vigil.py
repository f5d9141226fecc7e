"""Core: how long a session waits for what, and whether its peer is still there."""

from __future__ import annotations

from heard.upstream.backoff import Failure, Kind
from heard.upstream.states import Limits

STALL_S = 1.0
"""The process itself did not run for so long (stopped, suspended): the peer gets that time on top."""


class Vigil:
    """The deadline and the pings of one session; `now` is monotonic seconds."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._awaited = "connection"
        self._kind = Kind.NETWORK
        self._within_s = limits.connect_s
        self._deadline: float | None = now + limits.connect_s
        self._ticked = now
        self._heard_at = now
        self._pinged_at = now
        self._awaits_pong = False

    def connected(self, now: float) -> None:
        """Take note that the peer was reached; Begin is awaited, and pings begin."""
        self.expect("Begin", self._limits.begin_s, now)
        self._heard_at = self._pinged_at = now

    def expect(self, what: str, within_s: float, now: float) -> None:
        """Wait for `what`, and for nothing else, from now on."""
        self._awaited, self._kind, self._within_s = what, Kind.TIMEOUT, within_s
        self._deadline = now + within_s

    def met(self) -> None:
        """Wait for nothing any more."""
        self._deadline = None

    def alive(self, now: float) -> None:
        """Take note of a sign of life."""
        self._heard_at = now
        self._awaits_pong = False

    def tick(self, now: float) -> None:
        """Take note that the process runs."""
        if (stalled := now - self._ticked) > STALL_S:
            self._heard_at += stalled
            self._deadline = self._deadline and self._deadline + stalled
        self._ticked = now

    def overdue(self, now: float) -> Failure | None:
        """Return what did not come in time."""
        if self._deadline is not None and now >= self._deadline:
            return Failure(self._kind, f"no {self._awaited} within {self._within_s:g} s")
        return None

    def dead(self, now: float) -> Failure | None:
        """Return that the peer no longer answers, where it does not."""
        if self._awaits_pong and now - max(self._pinged_at, self._heard_at) >= self._limits.pong_s:
            return Failure(Kind.DEAD, f"no answer to a ping for {self._limits.pong_s:g} s")
        return None

    def ping_due(self, now: float) -> bool:
        """Return whether a ping is to be sent now; if so it counts as sent."""
        if self._awaits_pong or now - self._pinged_at < self._limits.ping_s:
            return False
        self._pinged_at = now
        self._awaits_pong = True
        return True
