"""Core: what a failure means, and when to try again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random

FIRST_S = 0.5
LONGEST_S = 30.0
NEAR_S = 1.0
"""Nobody was reached, so nobody was bothered: no longer than this between attempts, so that the return is
noticed soon …"""
NEAR_FOR_S = 300.0
"""… in the first minutes of an outage: for as long as the audio is retained, by default."""
THERE_S = 0.5
"""Within so long all sources try again of which one has reached the service: not all at the same moment."""
HEALTHY_S = 10.0
"""A session that was open for so long makes the next failure a first one."""
PROBE_S = 300.0
"""Refused: try again no sooner than this, or when an operator says so."""
BUSY_S = 30.0
"""Too many sessions: wait at least so long (the account's allowance is per minute)."""
LONGEST_RETRY_AFTER_S = 3600.0


class Kind(StrEnum):
    """Where a session failed."""

    NETWORK = "network"
    """No connection (in time), or it broke: DNS, TCP, TLS, proxy."""
    HTTP = "http"
    """The upgrade was answered with a status."""
    CLOSE = "close"
    """The service closed the session."""
    TIMEOUT = "timeout"
    """No Begin or no Termination in time."""
    DEAD = "dead"
    """The peer no longer answers pings."""
    PROTOCOL = "protocol"
    """The peer does not speak WebSocket."""
    KEY = "key"
    """There is no key to offer."""
    OPERATOR = "operator"
    """An order to connect anew."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a session ended; `code` is the HTTP status or close code."""

    kind: Kind
    text: str
    code: int | None = None
    retry_after_s: float | None = None

    def __str__(self) -> str:
        return self.text if self.code is None else f"{self.code}: {self.text}".rstrip(": ")


class Verdict(StrEnum):
    """What to do about a failure."""

    NOW = "now"
    BACKOFF = "backoff"
    BUSY = "busy"
    """The account's or the server's limit: wait as it says, else BUSY_S or more."""
    SLOWER = "slower"
    """Our frames or pace were wrong: once more, slower; refused if it repeats."""
    REFUSED = "refused"
    """The key or the account is refused: only a slow probe."""
    WRONG = "wrong"
    """The request itself is: the same again would fail the same. Only a slow probe."""


_BUSY_TEXT = "too many concurrent"

_CLOSE_CODES: dict[int, Verdict] = {
    1008: Verdict.REFUSED,
    3006: Verdict.WRONG,
    3007: Verdict.SLOWER,
    3008: Verdict.NOW,
    3009: Verdict.BUSY,
    4000: Verdict.WRONG,
    4001: Verdict.REFUSED,
    4002: Verdict.REFUSED,
    4003: Verdict.REFUSED,
    4101: Verdict.WRONG,
    4102: Verdict.BUSY,
}
_HTTP_BUSY = 429
_HTTP_REFUSED = (401, 402, 403, 407)


def classify(failure: Failure) -> Verdict:
    """Return what the published close codes and statuses call for."""
    match failure.kind:
        case Kind.KEY:
            return Verdict.REFUSED
        case Kind.OPERATOR:
            return Verdict.NOW
        case Kind.HTTP:
            return _of_status(failure.code or 0)
        case Kind.CLOSE:
            return _of_close(failure.code or 0, failure.text.lower())
        case _:
            return Verdict.BACKOFF


def _of_status(status: int) -> Verdict:
    if status in _HTTP_REFUSED:
        return Verdict.REFUSED
    if status == _HTTP_BUSY:
        return Verdict.BUSY
    return Verdict.WRONG if 300 <= status < 500 else Verdict.BACKOFF


def _of_close(code: int, text: str) -> Verdict:
    if _BUSY_TEXT in text:
        return Verdict.BUSY
    if code == 3005:
        # Older documents put every reason under this code.
        if "unauthorized" in text or "not authorized" in text:
            return Verdict.REFUSED
        if "expired" in text or "maximum session duration" in text:
            return Verdict.NOW
    return _CLOSE_CODES.get(code, Verdict.BACKOFF)


def delays(rng: Random) -> Iterator[float]:
    """Yield seconds to wait: 0.5, 1, 2 … 30, each less up to half at random, so that many do not agree."""
    longest = FIRST_S
    while True:
        yield longest * rng.uniform(0.5, 1.0)
        longest = min(LONGEST_S, longest * 2)


class Backoff:
    """When one source may try again. `now` is monotonic seconds."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._delays = delays(rng)
        self._slowed = False
        self._failing_since: float | None = None
        self._unreached = False
        self.due = 0.0
        """No attempt before this."""
        self.refused = False
        """Whether the last failure was one that trying again does not cure."""

    def near(self, now: float) -> bool:
        """Whether an outage has only just begun, or there is none."""
        return self._failing_since is None or now - self._failing_since < NEAR_FOR_S

    def began(self) -> None:
        """Take note that the service has accepted a session: what fails next is another outage."""
        self._failing_since = None

    def failed(
        self, failure: Failure, now: float, healthy_s: float, *, reached: bool = True, alone: bool = True
    ) -> Verdict:
        """Take a failure of a session that had been open for `healthy_s`; return its verdict.

        reached: the service was, however little came of it; alone: no other attempt is under way.
        """
        if healthy_s >= HEALTHY_S:
            self._fresh()
        if self._failing_since is None:
            self._failing_since = now
        verdict = classify(failure)
        if verdict is Verdict.NOW and failure.kind is not Kind.OPERATOR and healthy_s < HEALTHY_S:
            # A server that expires every session at once must not be hammered.
            verdict = Verdict.BACKOFF
        if verdict is Verdict.BACKOFF and (now < self.due or not (reached or alone)):
            # A source's two sessions fail together: one failure, and one wait. Where others are still under
            # way, nobody waits because one came to nothing.
            return verdict
        if verdict is Verdict.SLOWER:
            if self._slowed:
                verdict = Verdict.WRONG
            self._slowed = True
        self.refused = verdict in (Verdict.REFUSED, Verdict.WRONG)
        self._unreached = not reached and failure.kind is Kind.NETWORK
        near = self._unreached and self.near(now)
        self.due = now + self._wait(verdict, failure, near=near)
        return verdict

    def there(self, now: float) -> None:
        """Take note that another source has reached the service: who only waited for that waits no longer."""
        if self._unreached:
            self._unreached = False
            # As in the first minutes: beside an attempt that still hangs another is made.
            self._failing_since = now
            self.due = min(self.due, now + self._rng.uniform(0.0, THERE_S))

    def at_once(self) -> None:
        """Forget every failure: an operator said so."""
        self._fresh()
        self.due = 0.0
        self.refused = False

    def _fresh(self) -> None:
        self._delays = delays(self._rng)
        self._slowed = self._unreached = False
        self._failing_since = None

    def _wait(self, verdict: Verdict, failure: Failure, *, near: bool) -> float:
        least = min(failure.retry_after_s or 0.0, LONGEST_RETRY_AFTER_S)
        match verdict:
            case Verdict.NOW:
                return least
            case Verdict.BUSY:
                return least or BUSY_S * self._rng.uniform(1.0, 1.5)
            case Verdict.REFUSED | Verdict.WRONG:
                return max(least, PROBE_S)
            case _:
                return max(least, NEAR_S * self._rng.uniform(0.5, 1.0) if near else next(self._delays))


class SessionBudget:
    """The account's allowance of new sessions, shared by all sources of a process."""

    def __init__(self, per_minute: int | None) -> None:
        self.per_minute = per_minute
        self._opened: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Return whether a session may be opened now; if so it is counted."""
        while self._opened and self._opened[0] <= now - 60.0:
            self._opened.popleft()
        if self.per_minute is not None and len(self._opened) >= self.per_minute:
            return False
        self._opened.append(now)
        return True

    def refund(self, opened_at: float) -> None:
        """Take back what was taken at a time: the service was not reached, so the account was not charged."""
        with suppress(ValueError):
            # A minute later it counts no more anyway.
            self._opened.remove(opened_at)
