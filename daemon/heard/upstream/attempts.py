"""Core: when a session is opened: at once, after a failure's wait, or beside an attempt that hangs.

An *attempt* is a session that hears nothing yet. What it will hear is decided when it begins, by
`switchboard`; so it does not matter which of several gets through, and no audio is sent twice.

In a black hole (packets dropped, a handshake swallowed) an attempt fails only when its time is over, and
what was lost of it may be gone for good: it would notice the network's return late, or not at all. A fresh
attempt does at once (the kernel repeats a SYN after 1, 3 and 7 s only). So while audio waits, another is made
beside one that hangs, every `beside_s`, three at a time: the oldest has all the time that is configured, for
a slow network; of the others the older makes room for the next.

What that costs: an attempt that no answer came to is no session of the account's, and is not counted. Once
the service has answered one, by its TLS handshake or the upgrade, that one alone is waited for and the others
are let go, so that what may become a session is never there twice for nothing. An answer that refuses ends
all of them, and its own rules say when to try again. Five minutes into an outage no more are made beside
another: the waits grow, and a service that is away for an hour is asked twice a minute.
"""

from __future__ import annotations

from enum import Enum, auto
from random import Random

from heard.upstream.backoff import SessionBudget
from heard.upstream.health import Health
from heard.upstream.leg import Leg, Moment
from heard.upstream.legs import WAITING, Legs
from heard.upstream.terms import Terms

MOST = 3
"""So many attempts at a time."""


class Need(Enum):
    """What a session is wanted for."""

    NOTHING = auto()
    SUCCESSOR = auto()
    """To replace one that runs; there is time."""
    AUDIO = auto()
    """Audio waits."""


class Attempts:
    """The sessions of one source that are being opened."""

    def __init__(self, legs: Legs, health: Health, budget: SessionBudget, rng: Random) -> None:
        self._legs = legs
        self._health = health
        self._budget = budget
        self._rng = rng
        self._beside_at = 0.0

    @property
    def running(self) -> list[Leg]:
        """The attempts, oldest first; one that has begun and hears nothing yet is among them."""
        return [leg for leg in self._legs if leg.span is None]

    def tick(self, need: Need, terms: Terms, moment: Moment) -> None:
        """Open what is needed, and let go of what is not."""
        running = self.running
        if need is Need.NOTHING:
            self.withdraw("not needed")
        elif (first := next((leg for leg in running if leg.reached), None)) is not None:
            self.withdraw("another got through", but=first)
        elif self._health.may_try(moment.mono):
            if not running:
                self._first(need, terms, moment)
            elif need is Need.AUDIO:
                self._beside(running, terms, moment)

    def withdraw(self, why: str, *, but: Leg | None = None) -> None:
        """Let go of every attempt that has not begun, but of one."""
        for leg in self.running:
            if leg is not but and leg.session.state in WAITING:
                self.drop(leg, why)

    def drop(self, leg: Leg, why: str) -> None:
        """Let go of an attempt."""
        self._legs.drop(leg, why)
        self.spare(leg)

    def spare(self, leg: Leg) -> None:
        """Take note that an attempt is over: one that reached nobody does not count as a session."""
        if not leg.reached:
            self._budget.refund(leg.opened_at)

    def _first(self, need: Need, terms: Terms, moment: Moment) -> None:
        if not self._budget.take(moment.mono):
            return
        if need is Need.AUDIO:
            self._health.trying(moment.mono)
        self._open(terms, moment, beside=False)

    def _beside(self, running: list[Leg], terms: Terms, moment: Moment) -> None:
        if self._legs.config.beside_s is None or moment.mono < self._beside_at:
            return
        if not self._health.near(moment.mono):
            return
        if len(running) >= MOST:
            self.drop(running[1], "a fresh attempt is made")
        if self._budget.take(moment.mono):
            self._open(terms, moment, beside=True)

    def _open(self, terms: Terms, moment: Moment, *, beside: bool) -> None:
        self._legs.open(terms, self._health.rate, moment, beside=beside)
        # Not all sources, nor all users, at the same moment.
        self._beside_at = moment.mono + (self._legs.config.beside_s or 0.0) * self._rng.uniform(0.75, 1.0)
