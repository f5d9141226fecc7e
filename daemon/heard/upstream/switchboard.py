"""Core: which session hears which span of a source, and when sessions are opened, replaced, given up.

A source has one session; two while one is being replaced or drained, or while a backlog is heard
beside the live audio. Whatever fails, the span stays: the next session starts at what is settled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from random import Random

from heard.upstream import messages
from heard.upstream.backlog import Backlog
from heard.upstream.backoff import Backoff, Failure, Kind, SessionBudget, Verdict
from heard.upstream.happenings import Began, Failed, Terminated, Warned
from heard.upstream.leg import Leg, Meters, Moment, Span
from heard.upstream.pace import Pace, slower
from heard.upstream.port import LineConfig, Port
from heard.upstream.quiet import quietest
from heard.upstream.session import Session, State
from heard.upstream.settle import Settler
from heard.upstream.spans import Spans
from heard.upstream.voice import Voice
from heard.wire.codec import Body
from heard.wire.events import Event
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

OVERLAP_S = 1.0
"""Both sessions hear so much of the other's side of a seam."""
START_RETRY_S = 0.2
SEAM_S = 2.0
"""The seam is looked for in so much of the newest audio."""
PAUSE_S = 0.3
PATIENCE_S = 20.0
"""A due replacement waits at most so long for a pause."""
LONGEST_SESSION_S = 10800.0
UNDRAINED = 2
"""Audio that a service was sent and asked to finish so often, without an answer, is settled."""
WAITING = frozenset({State.CONNECTING, State.OPEN})


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
        self._legs: dict[int, Leg] = {}
        self.spans = Spans(self._legs)
        self.params: dict[str, object] = dict(config.params)
        """v3 parameters of the next session; the live ones are in force in the running ones too."""
        self._config = config
        self._port = port
        self._backlog = backlog
        self._voice = voice
        self._meters = meters
        self._budget = budget
        self._numbers = numbers
        self._backoff = Backoff(rng)
        self._rate = config.pace
        self._session: str | None = None
        self._error: str | None = None
        self._outage = False
        self._failed_before = False
        self._told_open = False
        self._coming_up = False
        self._stopping = False
        self._start_until: float | None = None
        self._reconnects = 0
        self._rotations = 0
        self._oddities = 0
        self._repeated = 0

    @property
    def idle(self) -> bool:
        """Whether there is no session."""
        return not self._legs

    @property
    def state(self) -> str:
        """The state of the status map."""
        states = {leg.session.state for leg in self._legs.values() if not leg.replaced}
        if State.LIVE in states:
            return "open"
        if self._backoff.refused:
            return "refused"
        if states & WAITING or (self.spans.waiting and not self._stopping):
            return "outage" if self._outage else "connecting"
        if State.DRAINING in states:
            return "draining"
        return "idle" if self._session is None else "closed"

    def status(self) -> Body:
        """Return `upstream` of the status map."""
        return {
            "service": self._config.service,
            "state": self.state,
            "session": self._session if self._legs else None,
            "reconnects": self._reconnects,
            "rotations": self._rotations,
            "backlog_s": round(self.spans.unsent(self._backlog.stop) / self._config.rate_hz, 3),
            "error": self._error,
        }

    def counters(self) -> dict[str, int]:
        """Return counts of what the service did that it should not."""
        running = self._legs.values()
        return {
            "odd_messages": self._oddities + sum(leg.session.oddities for leg in running),
            "repeated_finals": self._repeated + sum(leg.session.repeated_finals for leg in running),
        }

    def connected(self, number: int, moment: Moment) -> None:
        """Take note that a connection is open."""
        if leg := self._legs.get(number):
            leg.reached = True
            leg.session.connected(moment.mono)
            self._attend(leg, moment)

    def received(self, number: int, data: str | bytes, moment: Moment) -> None:
        """Take a text frame of the service's."""
        if leg := self._legs.get(number):
            odd = leg.session.oddities
            leg.session.received(data, moment.mono)
            if leg.session.oddities > odd:
                log.debug("%s: session %s: %s", self._config.source, leg.session_id, leg.session.last_oddity)
            self._attend(leg, moment)
            self.pump(moment)

    def pong(self, number: int, moment: Moment) -> None:
        """Take note that the service is there."""
        if leg := self._legs.get(number):
            leg.session.pong(moment.mono)

    def lost(self, number: int, failure: Failure, moment: Moment) -> None:
        """Take note that a connection failed, was closed or broke."""
        if leg := self._legs.get(number):
            leg.session.lost(failure)
            self._attend(leg, moment)

    def tick(self, moment: Moment) -> None:
        """Do what is due."""
        for leg in list(self._legs.values()):
            leg.session.tick(moment.mono)
            self._attend(leg, moment)
            if leg.number in self._legs:
                leg.settler.tick(moment.mono)
                self._voice.settle(leg)
        self._replace(moment)
        self._connect(moment)
        self.pump(moment)
        for span in self.spans.finished():
            if span.backfill:
                self._tell("backfill-finished", None, "")

    def pump(self, moment: Moment) -> None:
        """Send what may be sent."""
        for leg in list(self._legs.values()):
            while self._port.has_room(leg.number) and leg.pump(
                self._backlog, self._config.frame, self._config.rate_hz, moment, self._meters
            ):
                self._act(leg)

    def endpoint(self) -> None:
        """End the current turn now."""
        for leg in self._legs.values():
            if leg.session.state is State.LIVE:
                leg.session.endpoint()
                self._act(leg)

    def configure(self, name: str, value: object) -> None:
        """Change a parameter within the running session; the next ones begin with it."""
        self.params[name] = value
        for leg in self._legs.values():
            if leg.session.state is State.LIVE:
                leg.session.configure({name: value})
                self._act(leg)

    def reconnect(self, moment: Moment) -> None:
        """Drop every session and connect anew at once, also where the service had refused."""
        for leg in list(self._legs.values()):
            leg.session.abandon(Failure(Kind.OPERATOR, "reconnect ordered"))
            self._attend(leg, moment)
        self._backoff.at_once()
        self._error = None
        self._rate = self._config.pace

    def stop(self) -> None:
        """Open no more sessions; end the ones there are."""
        self._stopping = True
        self.spans.end(self._backlog.stop)
        for leg in list(self._legs.values()):
            if leg.session.state in WAITING or leg.span is None:
                self._drop(leg, "shutdown")

    def _connect(self, moment: Moment) -> None:
        """Open a session for the span whose turn it is."""
        if self._stopping or moment.mono < self._backoff.due:
            return
        span = self._next_span()
        if span is None or not self._budget.take(moment.mono):
            return
        if self._start_until is None:
            self._start_until = moment.mono + self._config.start_s
        if not self._outage and not self._backoff.refused and not self._coming_up:
            self._tell("connecting", None, "")
        self._coming_up = False
        self._open(span, moment)

    def _next_span(self) -> Span | None:
        """Return the span that needs a session and may have one now."""
        legs = [leg for leg in self._legs.values() if leg.session.state is not State.DRAINING]
        if any(leg.session.state in WAITING for leg in legs):
            return None
        waiting = [span for span in self.spans.waiting if self._backlog.stop > span.start]
        if not waiting or len(legs) >= (1 if self._config.live_first_s is None else 2):
            return None
        live_first = self._config.live_first_s is not None and waiting[-1].stop is None
        return waiting[-1] if live_first else waiting[0]

    def _open(self, span: Span | None, moment: Moment) -> None:
        config = self._config
        format_turns = self.params.get("format_turns") is True
        session = Session(config.limits, config.rate_hz, format_turns=format_turns, now=moment.mono)
        start = self._backlog.stop if span is None else span.start
        number = next(self._numbers)
        settler, pace = Settler(start, config.rate_hz), Pace(self._rate, moment.mono)
        self._legs[number] = Leg(number, session, start, settler, pace, span)
        self._port.open(config.source, number, messages.query(config.model, config.rate_hz, self.params))

    def _act(self, leg: Leg) -> None:
        for action in leg.session.actions():
            self._port.perform(leg.number, action)

    def _attend(self, leg: Leg, moment: Moment) -> None:
        """Do what the session asks and take in what it learnt."""
        self._act(leg)
        for happening in leg.session.happenings():
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
        if began.expires_at is not None:
            left_s = began.expires_at - moment.utc
            if not 0 < left_s <= LONGEST_SESSION_S:
                # A clock that is hours off must not replace the session at once, or never.
                left_s = LONGEST_SESSION_S
            leg.rotate_at = moment.mono + left_s - min(self._config.rotate_before_s, left_s / 2)
        asked = self._config.model
        if self._config.service != "local" and began.model not in (None, asked):
            # A misspelt name is ignored by the service, not refused.
            log.warning("%s: the service uses model %s, not %s", self._config.source, began.model, asked)
        if leg.span is not None:
            self._opened(leg)

    def _opened(self, leg: Leg) -> None:
        """Take note that a span is being heard (again)."""
        if leg.span is not None and leg.span.backfill:
            self._tell("backfill-started", leg.session_id, "")
        else:
            if self._failed_before:
                self._reconnects += self._told_open
                self._live_first(leg)
            self._failed_before = False
            self._told_open = True
            log.info("%s: session %s is open", self._config.source, leg.session_id)
            self._tell("open", leg.session_id, "")
        self._outage = False
        self._backoff.refused = False
        self._error = None

    def _live_first(self, leg: Leg) -> None:
        """After an outage: let this session have the live audio, and leave the backlog to a second one."""
        span, config = leg.span, self._config
        if span is None or config.live_first_s is None or span.stop is not None:
            return
        if self._backlog.stop - span.start < config.samples(config.live_first_s):
            return
        seam = config.samples(SEAM_S)
        newest = self._backlog.read(max(span.start, self._backlog.stop - seam), seam)
        if not newest:
            return
        first, pcm = newest[-1]
        cut = first + quietest(pcm, config.samples(PAUSE_S))
        span.backfill = True
        self._switch(leg, span, cut)

    def _switch(self, leg: Leg, span: Span, cut: int) -> None:
        """End `span` at `cut` and let `leg` hear what follows."""
        overlap = self._config.samples(OVERLAP_S)
        leg.span = self.spans.split(span, cut, overlap)
        leg.cursor = max(cut - overlap, self._backlog.start)
        leg.settler = Settler(cut, self._config.rate_hz)

    def _replace(self, moment: Moment) -> None:
        """Replace a session that will expire: the new one first, then, at a pause, the switch."""
        if self._stopping:
            return
        old = next((each for each in self._legs.values() if self._due(each, moment)), None)
        standby = next((leg for leg in self._legs.values() if leg.span is None), None)
        if old is None or old.span is None:
            if standby is not None:
                self._use(standby)
        elif standby is None:
            if moment.mono >= self._backoff.due and self._budget.take(moment.mono):
                self._open(None, moment)
        elif standby.session.state is State.LIVE and (not old.settler.turn_open or self._late(old, moment)):
            self._switch(standby, old.span, max(old.cursor, old.span.start))
            old.replaced = True
            self._rotations += 1
            log.info("%s: session %s replaces %s", self._config.source, standby.session_id, old.session_id)
            self._tell("rotated", standby.session_id, f"session {old.session_id} expires")

    def _due(self, leg: Leg, moment: Moment) -> bool:
        growing = leg.span is not None and leg.span.stop is None and leg.session.state is State.LIVE
        return growing and leg.rotate_at is not None and moment.mono >= leg.rotate_at

    def _late(self, leg: Leg, moment: Moment) -> bool:
        """Whether a due replacement has waited long enough for a pause."""
        patience_s = min(PATIENCE_S, self._config.rotate_before_s / 2)
        return leg.rotate_at is not None and moment.mono >= leg.rotate_at + patience_s

    def _use(self, standby: Leg) -> None:
        """Use or drop a session whose predecessor ended, or failed, before the switch."""
        growing = self.spans.growing
        if growing is None or self.spans.leg_of(growing) is not None:
            self._drop(standby, "not needed")
        elif standby.session.state is State.LIVE:
            standby.span = growing
            standby.cursor = growing.start
            standby.settler = Settler(growing.start, self._config.rate_hz)
            self._opened(standby)

    def _drop(self, leg: Leg, why: str) -> None:
        leg.session.abandon(Failure(Kind.OPERATOR, why))
        self._act(leg)
        self._forget(leg)

    def _forget(self, leg: Leg) -> None:
        del self._legs[leg.number]
        self._oddities += leg.session.oddities
        self._repeated += leg.session.repeated_finals

    def _terminated(self, leg: Leg, moment: Moment) -> None:
        self._forget(leg)
        span = leg.span
        if span is None:
            return
        leg.settler.all_sent()
        self._voice.settle(leg, at_once=True)
        if not span.done:
            self._after(leg, Failure(Kind.CLOSE, "the service ended the session", 1000), moment)
        elif not (leg.replaced or span.backfill):
            log.info("%s: session %s is closed", self._config.source, leg.session_id)
            self._tell("closed", leg.session_id, "terminated")

    def _failed(self, leg: Leg, failure: Failure, moment: Moment) -> None:
        """Give up a leg; its span keeps what is unsettled."""
        self._forget(leg)
        if not leg.reached and failure.kind in (Kind.NETWORK, Kind.TIMEOUT, Kind.KEY):
            self._budget.refund()
        source, span = self._config.source, leg.span
        if span is None:
            self._backoff.failed(failure, moment.mono, 0.0)
            log.warning("%s: no session to replace the one that expires: %s", source, failure)
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

    def _after(self, leg: Leg, failure: Failure, moment: Moment) -> None:
        """Decide when to try again, and say what happened."""
        source = self._config.source
        starting = self._session is None and failure.kind is Kind.NETWORK
        if starting and self._start_until is not None and moment.mono < self._start_until:
            self._coming_up = True
            self._backoff.due = moment.mono + START_RETRY_S
            return
        healthy_s = 0.0 if leg.live_since is None else moment.mono - leg.live_since
        was_refused = self._backoff.refused
        self._failed_before = True
        verdict = self._backoff.failed(failure, moment.mono, healthy_s)
        if verdict is Verdict.SLOWER:
            self._rate = slower(self._rate)
        if failure.kind is Kind.OPERATOR:
            log.info("%s: session dropped: %s", source, failure)
            self._tell("closed", leg.session_id or None, str(failure))
        elif self._backoff.refused:
            # What was refused is the key or the request; both are for a person to put right.
            what = "key refused" if verdict is Verdict.REFUSED else "request refused"
            self._error = f"{what}: {failure}"
            self._outage = False
            if not was_refused:
                log.error("%s: %s", source, self._error)
                self._tell("refused", leg.session_id or None, self._error)
        else:
            self._error = str(failure)
            if not self._outage:
                self._outage = True
                log.warning("%s: no session: %s", source, failure)
                self._tell("outage", leg.session_id or None, self._error)

    def _tell(self, event: str, session: str | None, reason: str) -> None:
        body: Body = {"source": self._config.source, "event": event, "session": session, "reason": reason}
        self._port.keep(Event(Topic.UPSTREAM, self._config.source, body))
