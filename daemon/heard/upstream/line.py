"""Core: one source's line to the service: its audio, its sessions, what is told about them.

In: blocks, what the connections report, orders, the time. Out, through a `Port`: connections to open,
frames to send, events to publish, positions for `capture`. No socket, thread or clock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

from heard.upstream.backlog import Backlog
from heard.upstream.backoff import Failure, SessionBudget
from heard.upstream.intake import Intake
from heard.upstream.leg import Meters, Moment
from heard.upstream.port import LineConfig, Port
from heard.upstream.switchboard import Switchboard
from heard.upstream.terms import Terms
from heard.upstream.voice import Voice, VoiceConfig
from heard.upstream.wordless import DETAIL, VERDICT, Wordless
from heard.wire.audio import Block
from heard.wire.codec import Body
from heard.wire.events import Event
from heard.wire.positions import From, Received, Refused, Replay
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

RECEIVED_S = 0.1
REPLAY_S = 1.0
SPARE_S = 1.0
"""More than the retention is kept, so that `capture`, the authority, drops first."""
LOOK_BACK_S = 2.0
"""Settled audio kept for the overlap of two sessions."""


class Line:
    """One source. `numbers` yields a new connection number each time, for all lines of the process."""

    def __init__(
        self, config: LineConfig, port: Port, budget: SessionBudget, rng: Random, numbers: Iterator[int]
    ) -> None:
        self.config = config
        self._port = port
        self._intake = Intake()
        self._backlog = Backlog(config.rate_hz)
        self._meters = Meters()
        voice = VoiceConfig(config.source, config.run, config.rate_hz)
        self._voice = Voice(voice, port, self._backlog, self._meters, partials=config.partials)
        self._sessions = Switchboard(
            config, port, self._backlog, self._voice, self._meters, budget=budget, rng=rng, numbers=numbers
        )
        self._wordless = Wordless(config.rate_hz)
        self._expired = 0
        self._replay_due = 0.0
        self._received_due = 0.0

    def block(self, block: Block, moment: Moment) -> None:
        """Take a block of the clean pipe."""
        first = self._intake.next is None
        taken = self._intake.take(block)
        if taken.missing:
            self._ask_again(moment)
            return
        if taken.hole:
            self._sessions.part()
        if (fresh := taken.block) is not None:
            self._voice.numbered_by = fresh.numbered_by or self.config.run
            anchor = fresh.anchor if first or taken.hole else self._voice.anchor
            self._sessions.spans.take(fresh, self._backlog.stop, anchor)
            self._backlog.add(fresh)
            self._sessions.rest.hear(fresh)
            self._bound()
            if self.state == "open":
                self._wordless.hear(fresh.pcm)
        if taken.ends or self.state != "open":
            self._wordless.forget()
        if taken.ends:
            self._sessions.spans.end(self._backlog.stop)
        self._sessions.legs.pump(moment)

    def reached(self, number: int) -> None:
        """Take note that the service is at the other end of a connection that is being made."""
        self._sessions.legs.reached(number)

    def there(self, moment: Moment) -> None:
        """Take note that another line has reached the service, for which this one may have to wait."""
        self._sessions.there(moment)

    def connected(self, number: int, moment: Moment) -> None:
        """Take note that a connection is open."""
        self._sessions.legs.connected(number, moment)

    def received(self, number: int, data: str | bytes, moment: Moment) -> None:
        """Take a text frame of the service's."""
        self._sessions.legs.received(number, data, moment)

    def pong(self, number: int, moment: Moment) -> None:
        """Take note that the service is there."""
        self._sessions.legs.pong(number, moment)

    def lost(self, number: int, failure: Failure, moment: Moment) -> None:
        """Take note that a connection failed, was closed or broke."""
        self._sessions.legs.lost(number, failure, moment)

    def tick(self, moment: Moment) -> None:
        """Do what is due."""
        self._sessions.tick(moment)
        if self._wordless.turn(self._voice.texts):
            self._tell_verdict()
        oldest = self._sessions.spans.oldest(self._backlog.stop)
        self._backlog.discard(oldest - self.config.samples(LOOK_BACK_S))
        if moment.mono >= self._received_due:
            self._received_due = moment.mono + RECEIVED_S
            self._tell_received()

    def endpoint(self) -> str:
        """End the current turn now; return the state."""
        self._sessions.legs.endpoint()
        return self.state

    def reconnect(self, moment: Moment) -> str:
        """Drop every session and connect anew at once, also where the service had refused."""
        self._sessions.reconnect(moment)
        return self.state

    @property
    def terms(self) -> Terms:
        """What sessions are opened with; the running one is on them too, or is about to be replaced."""
        return self._sessions.terms

    def change(self, terms: Terms, why: str, moment: Moment) -> None:
        """Let the sessions be on other terms: within the running one, or by another that replaces it."""
        self._sessions.change(terms, why, moment)

    def reconfigure(self, config: LineConfig, why: str, moment: Moment) -> None:
        """Take over new settings; service, retention and what else a start decides must be as they were."""
        self.config = config
        self._voice.partials = config.partials
        self._sessions.reconfigure(config, why, moment)

    def stop(self) -> None:
        """Open no more sessions; end the ones there are."""
        self._sessions.stop()

    @property
    def drained(self) -> bool:
        """Whether no session is left; it stays so after `stop` only."""
        return self._sessions.idle

    @property
    def state(self) -> str:
        """The state of the status map."""
        return self._sessions.state

    @property
    def taken(self) -> int:
        """The sample up to which audio has come in."""
        return self._intake.next or 0

    @property
    def sent(self) -> int:
        """The same less what waits to be sent: it grows with every sample that is, in whatever order."""
        return self._backlog.stop - self._sessions.spans.unsent(self._backlog.stop)

    def status(self) -> Body:
        """Return this source's part of the status."""
        return {
            "upstream": self._sessions.status(),
            "turns": self._voice.turns,
            "latency_ms": self._meters.status(),
            "verdicts": [VERDICT] if self._wordless.holds else [],
        }

    def counters(self) -> dict[str, int]:
        """Return counts of what went wrong or came twice."""
        return {
            "missed_blocks": self._intake.missed,
            "duplicate_samples": self._intake.duplicates,
            "expired_samples": self._expired,
            **self._voice.counters(),
            **self._sessions.legs.counters(),
        }

    def _bound(self) -> None:
        """Keep no more than the retention; what no session has been sent goes to the ledger as expired.

        `capture` keeps the same span of time and drops first, so this is for a ring that is larger
        than it says; the message may say what the ledger knows already.
        """
        floor = self._backlog.stop - self.config.samples(self.config.retention_s + SPARE_S)
        if self._backlog.start >= floor:
            return
        for start, stop in self._sessions.spans.give_up(floor):
            self._expired += stop - start
            self._port.position(Refused(self.config.source, start, stop, "expired"))
        self._backlog.discard(floor)

    def _ask_again(self, moment: Moment) -> None:
        if moment.mono < self._replay_due:
            return
        self._replay_due = moment.mono + REPLAY_S
        self._tell_received()
        # Without a block yet, nothing was received: the replay asked for at the start is asked for again.
        start = From.SETTLED if self._intake.next is None else From.RECEIVED
        self._port.position(Replay(self.config.source, start))

    def _tell_verdict(self) -> None:
        begins = self._wordless.holds
        if begins:
            log.warning("%s: %s: %s", self.config.source, VERDICT, DETAIL)
        body: Body = {
            "event": "verdict" if begins else "verdict-over",
            "detail": DETAIL if begins else "",
            "verdict": VERDICT,
        }
        self._port.keep(Event(Topic.SOURCE, self.config.source, body))

    def _tell_received(self) -> None:
        if self._intake.next is not None:
            sent = self._sessions.spans.sent(self._backlog.stop)
            self._port.position(Received(self.config.source, self._intake.next, sent))
