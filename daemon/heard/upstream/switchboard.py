"""Core: which session hears which span of a source, and what becomes of a span whose session ends.

A source has one session; two while one is being replaced or drained, or while a backlog is heard
beside the live audio; none while it rests. A session that has begun is given what is to be heard next.
Whatever fails, the span stays: the next session starts at what is settled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

from heard.upstream.attempts import Attempts, Need
from heard.upstream.backlog import Backlog
from heard.upstream.backoff import Failure, Kind, SessionBudget
from heard.upstream.happenings import Began, Failed, Happening, Terminated, Warned
from heard.upstream.health import Health
from heard.upstream.leg import Leg, Meters, Moment, Span
from heard.upstream.legs import WAITING, Legs
from heard.upstream.port import LineConfig, Port
from heard.upstream.rest import Rest
from heard.upstream.seams import Seams, due, late
from heard.upstream.spans import Spans
from heard.upstream.states import State
from heard.upstream.terms import Terms
from heard.upstream.voice import Voice
from heard.wire.codec import Body
from heard.wire.events import Event
from heard.wire.positions import Refused
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

LONGEST_SESSION_S = 10800.0
UNDRAINED = 2
"""Audio that a service was sent and asked to finish so often, without an answer, is settled."""


class Switchboard:
    """The sessions of one source."""

    def __init__(
        self,
        config: LineConfig,
        port: Port,
        backlog: Backlog,
        voice: Voice,
        meters: Meters,
        *,
        budget: SessionBudget,
        rng: Random,
        numbers: Iterator[int],
    ) -> None:
        self.legs = Legs(config, port, backlog, meters, numbers=numbers, heed=self._heed)
        self.spans = Spans(self.legs.table)
        self.rest = Rest(config.idle_close_s, config.retention_s, config.rate_hz)
        self.terms = config.terms
        """Of the next session; running ones are brought onto them, or replaced."""
        self._config = config
        self._port = port
        self._backlog = backlog
        self._voice = voice
        self._seams = Seams(self.spans, backlog, config.rate_hz)
        self._health = Health(config.source, rng, pace=config.pace, start_s=config.start_s, tell=self._tell)
        self._attempts = Attempts(self.legs, self._health, budget, rng)
        self._session: str | None = None
        self._stopping = False
        self._rotations = 0

    @property
    def idle(self) -> bool:
        """Whether there is no session."""
        return not self.legs.table

    @property
    def state(self) -> str:
        """The state of the status map."""
        states = {leg.session.state for leg in self.legs if not leg.replaced}
        if State.LIVE in states:
            return "open"
        if self._health.refused:
            return "refused"
        if states & WAITING or (self.spans.waiting and not self._stopping):
            return "outage" if self._health.outage else "connecting"
        if State.DRAINING in states:
            return "draining"
        return "idle" if self._session is None else "closed"

    def status(self) -> Body:
        """Return `upstream` of the status map."""
        return {
            "service": self._config.service,
            "state": self.state,
            "session": None if self.idle else self._session,
            "reconnects": self._health.reconnects,
            "rotations": self._rotations,
            "backlog_s": round(self.spans.unsent(self._backlog.stop) / self._config.rate_hz, 3),
            "error": self._health.error,
        }

    def tick(self, moment: Moment) -> None:
        """Do what is due."""
        self.legs.tick(moment)
        for leg in self.legs:
            self._voice.settle(leg)
        self._lie_down_or_wake()
        self._assign(moment)
        self._attempts.tick(self._need(moment), self.terms, moment)
        self.legs.pump(moment)
        for span in self.spans.finished():
            if span.backfill:
                self._tell("backfill-finished", None, "")

    def part(self) -> None:
        """End the audio so far: what comes next lies behind some that is done with, and no turn spans that.

        Where live audio goes first, that is the next: what is left of the audio so far is heard beside it.
        """
        self.spans.end(self._backlog.stop)
        if self._config.live_first_s is None:
            return
        for span in self.spans:
            leg = self.spans.leg_of(span)
            state = None if leg is None else leg.session.state
            if span.done or span.resting or span.backfill or state is State.DRAINING:
                continue
            span.backfill = True
            if leg is not None and state is State.LIVE:
                self._tell("backfill-started", leg.session_id, "")

    def there(self, moment: Moment) -> None:
        """Take note that another source has reached the service."""
        self._health.there(moment.mono)

    def reconnect(self, moment: Moment) -> None:
        """Drop every session and connect anew at once, also where the service had refused."""
        for leg in self._attempts.running:
            self._attempts.drop(leg, "reconnect ordered")
        for leg in self.legs:
            self.legs.abandon(leg, "reconnect ordered", moment)
        self._give_up_silence(wake=True)
        self._health.at_once()

    def reconfigure(self, config: LineConfig, why: str, moment: Moment) -> None:
        """Take over new settings; a session that cannot be brought onto them is replaced, and `why` told."""
        self._config = self.legs.config = config
        self.rest.close_s = config.idle_close_s
        self._health.at_once()
        self.change(config.terms, why, moment)

    def change(self, terms: Terms, why: str, moment: Moment) -> None:
        """Let every session be on `terms`: told so where that can be done, else replaced by another."""
        self.terms = terms
        for leg in self.legs:
            if leg.session.state is State.LIVE:
                self._bring(leg, why, moment)
            elif leg.session.state in WAITING and leg.terms.changes(terms) != {}:
                self._attempts.drop(leg, why)

    def stop(self) -> None:
        """Open no more sessions; end the ones there are."""
        self._stopping = True
        self.spans.end(self._backlog.stop)
        self._lie_down_or_wake()
        for leg in self._attempts.running:
            self.legs.drop(leg, "shutdown")

    def _bring(self, leg: Leg, why: str, moment: Moment) -> None:
        """Bring a running session onto the terms that are wanted."""
        changes = leg.terms.changes(self.terms)
        if changes:
            self.legs.configure(leg, changes)
        if changes is not None:
            leg.terms, leg.stale_at = self.terms, None
        elif leg.span is None:
            self.legs.drop(leg, why)
        elif leg.stale_at is None:
            leg.stale_at, leg.stale_why = moment.mono, why

    def _lie_down_or_wake(self) -> None:
        """Close the session of a source that is silent; have one opened when it no longer is."""
        growing = self.spans.growing
        leg = None if growing is None else self.spans.leg_of(growing)
        if growing is not None and leg is not None and self.rest.begins(leg, growing):
            leg.farewell = f"idle: no speech for {self.rest.close_s:g} s"
            self._seams.rest(leg, growing)
        self._give_up_silence()

    def _give_up_silence(self, *, wake: bool = False) -> None:
        """Give up what nobody will miss of what rests; `wake`: let it rest no longer."""
        for span in self.spans.resting:
            wanted, span.resting = self.rest.wanted(span, self._backlog.stop, anyway=wake)
            if wanted > span.start:
                self._port.position(Refused(self._config.source, span.start, wanted, "silence"))
                span.start = span.own = wanted
            if not span.resting:
                self._voice.number(span)

    def _need(self, moment: Moment) -> Need:
        """Return what another session is wanted for."""
        if self._stopping:
            return Need.NOTHING
        if self._next_span() is not None:
            return Need.AUDIO
        return Need.NOTHING if self._due(moment) is None else Need.SUCCESSOR

    def _next_span(self) -> Span | None:
        """Return the span that needs a session and may have one now."""
        hearing = [leg for leg in self.legs if leg.span and leg.session.state is not State.DRAINING]
        waiting = [span for span in self.spans.waiting if self._backlog.stop > span.start]
        if not waiting or len(hearing) >= (1 if self._config.live_first_s is None else 2):
            return None
        live_first = self._config.live_first_s is not None and waiting[-1].stop is None
        return waiting[-1] if live_first else waiting[0]

    def _due(self, moment: Moment) -> Leg | None:
        """Return the session that is to be replaced: it will expire, or is stale."""
        return next((leg for leg in self.legs if due(leg, self._config.rotate_before_s, moment)), None)

    def _assign(self, moment: Moment) -> None:
        """Give the sessions that have begun and hear nothing yet what they are to hear; drop the others."""
        ready = [leg for leg in self._attempts.running if leg.session.state is State.LIVE]
        for place, leg in enumerate(ready):
            old = self._due(moment)
            if (span := self._next_span()) is not None and not self._stopping:
                self._seams.take_over(leg, span)
                self._opened(leg)
            elif old is None or place:
                self.legs.drop(leg, "not needed")
            elif not old.settler.turn_open or late(old, self._config.rotate_before_s, moment):
                self._replace(old, leg)

    def _replace(self, old: Leg, leg: Leg) -> None:
        """Let `leg` hear what follows, and `old` finish what it was sent."""
        if (span := old.span) is None:
            return
        self._seams.switch(leg, span, max(old.cursor, span.start))
        old.replaced = True
        self._rotations += 1
        self._health.well()
        why = f"session {old.session_id} expires" if old.stale_at is None else old.stale_why
        log.info("%s: session %s replaces %s", self._config.source, leg.session_id, old.session_id)
        self._tell("rotated", leg.session_id, why)

    def _heed(self, leg: Leg, happening: Happening, moment: Moment) -> None:
        match happening:
            case Began():
                self._began(leg, happening, moment)
            case Warned(text):
                log.warning("%s: the service warns: %s", self._config.source, text)
            case Terminated():
                self._terminated(leg, moment)
            case Failed(failure):
                self._failed(leg, failure, moment)
            case _:
                self._voice.heard(leg, happening, moment)

    def _began(self, leg: Leg, began: Began, moment: Moment) -> None:
        leg.session_id = self._session = began.session_id
        leg.live_since = moment.mono
        self._health.began()
        if began.expires_at is not None:
            left_s = began.expires_at - moment.utc
            # A clock that is hours off must not replace the session at once, or never.
            leg.expires_at = moment.mono + (left_s if 0 < left_s <= LONGEST_SESSION_S else LONGEST_SESSION_S)
        asked = leg.terms.model
        if self._config.service != "local" and began.model not in (None, asked):
            # A misspelt name is ignored by the service, not refused.
            log.warning("%s: the service uses model %s, not %s", self._config.source, began.model, asked)
        self._assign(moment)

    def _opened(self, leg: Leg) -> None:
        """Take note that a span is being heard (again)."""
        if leg.span is not None and leg.span.backfill:
            self._health.well()
            self._tell("backfill-started", leg.session_id, "")
            return
        after_failure = self._health.opened(leg.session_id)
        if (after_failure or leg.beside) and self._config.live_first_s is not None:
            self._seams.live_first(leg, self._config.live_first_s)

    def _terminated(self, leg: Leg, moment: Moment) -> None:
        self.legs.forget(leg)
        span = leg.span
        if span is None:
            return
        leg.settler.all_sent()
        self._voice.settle(leg, at_once=True)
        if not span.done:
            self._after(leg, Failure(Kind.CLOSE, "the service ended the session", 1000), moment)
        elif not (leg.replaced or span.backfill):
            log.info("%s: session %s is closed: %s", self._config.source, leg.session_id, leg.farewell)
            self._tell("closed", leg.session_id, leg.farewell)

    def _failed(self, leg: Leg, failure: Failure, moment: Moment) -> None:
        """Give up a leg; its span keeps what is unsettled."""
        self.legs.forget(leg)
        source, span = self._config.source, leg.span
        if span is None:
            self._attempt_failed(leg, failure, moment)
            return
        if failure.kind is Kind.TIMEOUT and span.stop is not None and leg.cursor >= span.stop:
            span.undrained += 1
            if span.undrained >= UNDRAINED:
                log.warning("%s: %s, %d times: taken as settled", source, failure, UNDRAINED)
                leg.settler.all_sent()
        self._voice.settle(leg, at_once=True)
        span.own = max(span.own, span.anchor)
        if not span.done:
            self._after(leg, failure, moment)
            return
        log.warning("%s: session %s ended badly: %s", source, leg.session_id, failure)
        if not leg.replaced:
            self._tell("closed", leg.session_id, str(failure))

    def _attempt_failed(self, leg: Leg, failure: Failure, moment: Moment) -> None:
        leg.reached = leg.reached or failure.kind in (Kind.HTTP, Kind.PROTOCOL)
        self._attempts.spare(leg)
        if leg.reached or failure.kind is not Kind.NETWORK:
            # What was answered to one would be answered to all.
            self._attempts.withdraw(str(failure))
        if self._next_span() is None:
            self._health.spare_failed(failure, moment.mono, reached=leg.reached)
        else:
            self._after(leg, failure, moment)

    def _after(self, leg: Leg, failure: Failure, moment: Moment) -> None:
        healthy_s = 0.0 if leg.live_since is None else moment.mono - leg.live_since
        self._health.failed(
            failure,
            leg.session_id or None,
            healthy_s,
            moment.mono,
            reached=leg.reached,
            alone=not self._attempts.running,
        )

    def _tell(self, event: str, session: str | None, reason: str) -> None:
        body: Body = {"source": self._config.source, "event": event, "session": session, "reason": reason}
        self._port.keep(Event(Topic.UPSTREAM, self._config.source, body))
