"""Core: the sessions of one source as they run: opened, fed, listened to, ended.

Which hears what, `switchboard` knows; when one is opened, `attempts`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from heard.upstream import messages
from heard.upstream.backlog import Backlog
from heard.upstream.backoff import Failure, Kind
from heard.upstream.happenings import Happening
from heard.upstream.leg import Leg, Meters, Moment
from heard.upstream.pace import Pace
from heard.upstream.port import LineConfig, Port
from heard.upstream.session import Session
from heard.upstream.settle import Settler
from heard.upstream.states import State
from heard.upstream.terms import Terms

log = logging.getLogger(__name__)

WAITING = frozenset({State.CONNECTING, State.OPEN})
"""States of a session that the service has not accepted yet."""

Heed = Callable[[Leg, Happening, Moment], None]
"""Takes in what a session learnt."""


class Legs:
    """The sessions of one source by their connections' numbers."""

    def __init__(
        self,
        config: LineConfig,
        port: Port,
        backlog: Backlog,
        meters: Meters,
        *,
        numbers: Iterator[int],
        heed: Heed,
    ) -> None:
        self.config = config
        self.table: dict[int, Leg] = {}
        self._port = port
        self._backlog = backlog
        self._meters = meters
        self._numbers = numbers
        self._heed = heed
        self._oddities = 0
        self._repeated = 0

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self.table.values()))

    def counters(self) -> dict[str, int]:
        """Return counts of what the service did that it should not."""
        return {
            "odd_messages": self._oddities + sum(leg.session.oddities for leg in self),
            "repeated_finals": self._repeated + sum(leg.session.repeated_finals for leg in self),
        }

    def open(self, terms: Terms, rate: float | None, moment: Moment, *, beside: bool = False) -> None:
        """Begin to open a session; `rate`: times real time at most."""
        config = self.config
        format_turns = terms.params.get("format_turns") is True
        start = self._backlog.stop
        leg = Leg(
            number=next(self._numbers),
            session=Session(config.limits, config.rate_hz, format_turns=format_turns, now=moment.mono),
            cursor=start,
            settler=Settler(start, config.rate_hz),
            pace=Pace(rate, moment.mono),
            span=None,
            terms=terms,
            start=start,
            opened_at=moment.mono,
            beside=beside,
        )
        self.table[leg.number] = leg
        self._port.open(config.source, leg.number, messages.query(terms.model, config.rate_hz, terms.params))

    def reached(self, number: int) -> None:
        """Take note that the service is at the other end of a connection that is being made."""
        if leg := self.table.get(number):
            leg.reached = True

    def connected(self, number: int, moment: Moment) -> None:
        """Take note that a connection is open."""
        if leg := self.table.get(number):
            leg.reached = True
            leg.session.connected(moment.mono)
            self._attend(leg, moment)

    def received(self, number: int, data: str | bytes, moment: Moment) -> None:
        """Take a text frame of the service's."""
        if leg := self.table.get(number):
            odd = leg.session.oddities
            leg.session.received(data, moment.mono)
            if leg.session.oddities > odd:
                log.debug("%s: session %s: %s", self.config.source, leg.session_id, leg.session.last_oddity)
            self._attend(leg, moment)
            self.pump(moment)

    def pong(self, number: int, moment: Moment) -> None:
        """Take note that the service is there."""
        if leg := self.table.get(number):
            leg.session.pong(moment.mono)

    def lost(self, number: int, failure: Failure, moment: Moment) -> None:
        """Take note that a connection failed, was closed or broke."""
        if leg := self.table.get(number):
            leg.session.lost(failure)
            self._attend(leg, moment)

    def tick(self, moment: Moment) -> None:
        """Do what is due."""
        for leg in self:
            leg.session.tick(moment.mono)
            self._attend(leg, moment)
            if leg.number in self.table:
                leg.settler.tick(moment.mono)

    def pump(self, moment: Moment) -> None:
        """Send what may be sent."""
        config = self.config
        for leg in self:
            while self._port.has_room(leg.number) and leg.pump(
                self._backlog, config.frame, config.rate_hz, moment, self._meters
            ):
                self._act(leg)

    def endpoint(self) -> None:
        """End the current turn now."""
        for leg in self:
            if leg.session.state is State.LIVE:
                leg.session.endpoint()
                self._act(leg)

    def configure(self, leg: Leg, changes: dict[str, object]) -> None:
        """Change parameters of a running session."""
        leg.session.configure(changes)
        self._act(leg)

    def abandon(self, leg: Leg, why: str, moment: Moment) -> None:
        """End a session at once; it is a failure like any other."""
        leg.session.abandon(Failure(Kind.OPERATOR, why))
        self._attend(leg, moment)

    def drop(self, leg: Leg, why: str) -> None:
        """End a session at once that is no longer needed; its span, if it has one, waits for another."""
        leg.session.abandon(Failure(Kind.OPERATOR, why))
        self._act(leg)
        self.forget(leg)

    def forget(self, leg: Leg) -> None:
        """Take out a session that is over."""
        del self.table[leg.number]
        self._oddities += leg.session.oddities
        self._repeated += leg.session.repeated_finals

    def _act(self, leg: Leg) -> None:
        for action in leg.session.actions():
            self._port.perform(leg.number, action)

    def _attend(self, leg: Leg, moment: Moment) -> None:
        """Do what the session asks and take in what it learnt."""
        self._act(leg)
        for happening in leg.session.happenings():
            self._heed(leg, happening, moment)
