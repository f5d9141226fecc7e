"""Core: what a source's sessions hear, as transcripts and settlements.

The id of a turn is the sample at which the final before it ended: the same turn, heard again after a
failure of whatever process, gets the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, assert_never

from heard.upstream import transcripts
from heard.upstream.backlog import Backlog
from heard.upstream.happenings import (
    HeardTurn,
    ReceivedThrough,
    SilentThrough,
    SpeechBegan,
)
from heard.upstream.leg import Leg, Meters, Moment, Span
from heard.upstream.messages import SpeakerRevision
from heard.upstream.transcripts import Label, Share
from heard.upstream.turns import text_of
from heard.wire.codec import Body
from heard.wire.events import Event, Settlement
from heard.wire.topics import Topic

SETTLE_S = 0.5
"""Silence is settled in steps of at least this."""


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Whose transcripts, and which."""

    source: str
    run: str
    rate_hz: int


class Events(Protocol):
    """Where events go."""

    def keep(self, event: Event) -> None:
        """Publish an event that matters."""

    def offer(self, event: Event) -> None:
        """Publish an event that may be lost."""


Heard = HeardTurn | SpeechBegan | SilentThrough | ReceivedThrough | SpeakerRevision


class Voice:
    """One source's transcripts."""

    def __init__(
        self, config: VoiceConfig, events: Events, backlog: Backlog, meters: Meters, *, partials: bool
    ) -> None:
        self.partials = partials
        """Whether the turn so far is published too."""
        self.numbered_by = config.run
        """The run from which the ids of turns are made."""
        self.turns = 0
        """Finals published."""
        self.texts = 0
        """Turns in which there was text, each time that one was heard of."""
        self.anchor = 0
        """Where the newest final ended."""
        self._config = config
        self._events = events
        self._backlog = backlog
        self._meters = meters
        self._doubled = 0
        self._lost_revisions = 0

    def counters(self) -> dict[str, int]:
        """Return counts of what was left out."""
        return {
            "turns_heard_before": self._doubled,
            "revisions_without_turn": self._lost_revisions,
        }

    def heard(self, leg: Leg, happening: Heard, moment: Moment) -> None:
        """Take in what a session learnt."""
        span = leg.span
        if span is None:
            return
        match happening:
            case HeardTurn():
                self._turn(leg, span, happening, moment)
            case SpeechBegan(onset):
                leg.settler.speech(onset)
            case SilentThrough(stop):
                leg.settler.silent(stop)
            case ReceivedThrough(through):
                leg.confirmed = through
                leg.settler.received(through, moment.mono)
            case SpeakerRevision():
                self._revised(leg, happening)
            case never:
                assert_never(never)
        self.settle(leg)

    def settle(self, leg: Leg, *, at_once: bool = False) -> None:
        """Say that what the leg has settled is, where nothing is published with it."""
        span = leg.span
        if span is None:
            return
        through = self._settled(leg, span)
        least = 1 if at_once or through == span.last else round(SETTLE_S * self._config.rate_hz)
        if through - span.start >= least:
            settlement = Settlement(span.start, through, span.anchor)
            span.start = through
            self._events.keep(Event(None, self._config.source, {"turns": self._turns}, settles=settlement))

    def number(self, span: Span) -> None:
        """Say from where the ids of a span's turns go on, for a process that hears it again."""
        settlement = Settlement(span.start, span.start, span.anchor)
        self._events.keep(Event(None, self._config.source, {"turns": self._turns}, settles=settlement))

    @property
    def _turns(self) -> str:
        """What the ids of this source's turns begin with: who numbers its samples."""
        return f"{self.numbered_by}-{self._config.source}"

    @staticmethod
    def _settled(leg: Leg, span: Span) -> int:
        settled = leg.settler.settled
        return settled if span.last is None else min(settled, span.last)

    def _turn(self, leg: Leg, span: Span, heard: HeardTurn, moment: Moment) -> None:
        part = transcripts.share(heard, span.own, span.own_stop)
        self.texts += bool(text_of(heard.turn))
        if not heard.final:
            if text_of(heard.turn):
                leg.settler.partial(min((word.start for word in heard.words), default=span.start))
            if part is not None and self.partials:
                body, _, _ = self._body(leg, span, heard, part, moment)
                self._events.offer(self._event(Topic.PARTIAL, body, heard, part, moment))
            return
        leg.settler.final(max((word.end for word in heard.words), default=None))
        if part is None:
            self._doubled += bool(heard.words)
            return
        self._final(leg, span, heard, part, moment)

    def _final(self, leg: Leg, span: Span, heard: HeardTurn, part: Share, moment: Moment) -> None:
        body, written, received = self._body(leg, span, heard, part, moment)
        self._meters.recognize.add(max(0.0, received - written) * 1000)
        # Strictly ascending, so that no two turns share an id however odd their times are.
        span.anchor = max(span.anchor + 1, part.end or 0)
        self.anchor = max(self.anchor, span.anchor)
        through = max(span.start, self._settled(leg, span))
        settlement = Settlement(span.start, through, span.anchor)
        span.start = through
        self.turns += 1
        leg.remember(heard.order, body)
        event = self._event(Topic.FINAL, body, heard, part, moment)
        self._events.keep(
            Event(
                event.topic,
                event.source,
                event.body,
                settles=settlement,
                spoken_at=event.spoken_at,
                received_at=event.received_at,
            )
        )

    def _revised(self, leg: Leg, revision: SpeakerRevision) -> None:
        for labels in revision.turns:
            final = leg.finals.get(labels.order)
            if final is None:
                self._lost_revisions += 1
                continue
            body = transcripts.relabelled(final, labels)
            leg.remember(labels.order, body)
            self._events.keep(Event(Topic.REVISED, self._config.source, body))

    def _body(
        self, leg: Leg, span: Span, heard: HeardTurn, part: Share, moment: Moment
    ) -> tuple[Body, float, float]:
        """Return the body, and when (UTC) the last word was written to the socket and the answer came."""
        received = moment.utc - (moment.mono - heard.received_at)
        end = leg.cursor if part.end is None else part.end
        passage = self._backlog.passage(max(0, end - 1))
        written = leg.written_at(end, passage.denoised)
        latency = transcripts.latency(passage.spoken, passage.handed, passage.denoised, written, received)
        turn_id = f"{self._turns}-{span.anchor}"
        label = Label(self._config.source, turn_id, leg.session_id, span.backfill)
        return transcripts.body(label, heard, part, self._backlog, latency), written, received

    def _event(self, topic: Topic, body: Body, heard: HeardTurn, part: Share, moment: Moment) -> Event:
        received = moment.utc - (moment.mono - heard.received_at)
        end = self._backlog.stop if part.end is None else part.end
        spoken = self._backlog.passage(max(0, end - 1)).spoken
        return Event(topic, self._config.source, body, spoken_at=spoken, received_at=received)
