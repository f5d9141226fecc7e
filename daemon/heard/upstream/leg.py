"""Core: spans of a source's audio, and the legs (sessions) by which the service hears them.

A *span* is audio that is to be heard as one stream: a segment of the capture, or a part of one where
a session was replaced or a backlog split off. It outlives the sessions that fail over it. A *leg* is
a session with, once it has begun, the span that it hears: how far it was sent, what it has settled.

    samples   ───────[ hear ... own.start ............ own.stop ... stop )──────
                     │ overlap │ words are this span's │ overlap │

Where two sessions meet, both hear a little of the other's side; a word belongs to the span in which
its middle lies, so none is lost or doubled at the seam.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from heard.meters import Latency
from heard.upstream.backlog import Backlog
from heard.upstream.pace import AHEAD_S, Pace
from heard.upstream.session import Session
from heard.upstream.settle import Settler
from heard.upstream.states import State
from heard.upstream.terms import Terms
from heard.wire.audio import BYTES_PER_SAMPLE
from heard.wire.codec import Body

KEPT_FINALS = 200
"""Finals of a session that a speaker revision can still reach."""
_WRITTEN = 4096


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, on both clocks."""

    mono: float
    """Monotonic seconds: for waiting."""
    utc: float
    """Unix seconds: for what is told to others."""


@dataclass(slots=True)
class Span:
    """Audio to be heard as one stream; sample numbers."""

    start: int
    """Everything before is settled."""
    own: int
    """Words before belong to what was published earlier."""
    anchor: int
    """End of its last final; the next turn's id is made from it."""
    segment: int
    stop: int | None = None
    """End of the audio to send; None while it grows."""
    own_stop: int | None = None
    """Words from here on belong to the next span; None: no such limit."""
    overlap: int = 0
    """Whoever begins at `seam` hears so many samples before it: a word may straddle it."""
    seam: int | None = None
    """Where it was split off another one; None: it was not."""
    backfill: bool = False
    undrained: int = 0
    """How many sessions sent all of it and got no Termination."""
    resting: bool = False
    """Nobody speaks: no session hears it until somebody does."""

    @property
    def last(self) -> int | None:
        """One past the last sample that this span has to settle; None while it grows."""
        return self.stop if self.own_stop is None else self.own_stop

    def heard_from(self, oldest: int) -> int:
        """Return the sample from which a session must hear it; `oldest` is the oldest that is kept."""
        return max(self.start - self.overlap, oldest) if self.start == self.seam else self.start

    @property
    def done(self) -> bool:
        """Whether nothing of it is unsettled, nor to come."""
        return self.last is not None and self.start >= self.last


@dataclass(slots=True)
class Leg:
    """One session and what it hears."""

    number: int
    """Of the connection; unique in the process."""
    session: Session
    cursor: int
    """The next sample to send."""
    settler: Settler
    pace: Pace
    span: Span | None
    """None: it is not known yet."""
    terms: Terms
    start: int
    """The first sample that it was to hear."""
    session_id: str = ""
    opened_at: float = 0.0
    """Monotonic seconds at which connecting began."""
    beside: bool = False
    """It was opened beside one that hung."""
    reached: bool = False
    """Whether the service was: the attempt counts as one of the account's sessions."""
    live_since: float | None = None
    """Monotonic seconds at which Begin came."""
    expires_at: float | None = None
    """Monotonic seconds at which the service will end it."""
    stale_at: float | None = None
    """Monotonic seconds since which its terms are not the wanted ones: it is to be replaced."""
    stale_why: str = ""
    farewell: str = "terminated"
    """Why it is closed in good order."""
    confirmed: int | None = None
    """The service has every sample below, says its own count."""
    replaced: bool = False
    """Another session has taken over; this one only drains."""
    finals: dict[int, Body] = field(default_factory=dict)
    """Bodies of its finals by turn_order, for speaker revisions."""
    written: list[tuple[int, float]] = field(default_factory=list)
    """(one past the last sample, UTC) of every frame sent, ascending."""

    def pump(self, backlog: Backlog, frame: int, rate_hz: int, moment: Moment, meters: Meters) -> bool:
        """Send one frame of `frame` samples, or the tail and Terminate; return whether something was sent."""
        span = self.span
        if span is None or self.session.state is not State.LIVE:
            return False
        parts = backlog.read(self.cursor, frame, span.stop)
        samples = sum(len(pcm) for _, pcm in parts) // BYTES_PER_SAMPLE
        if samples < frame:
            if span.stop is not None and backlog.stop >= span.stop:
                self.session.terminate(parts, moment.mono)
                self._sent(parts, span.stop, moment)
                return True
            return False
        seconds = frame / rate_hz
        if not self.pace.allows(seconds, moment.mono):
            return False
        if self.confirmed is not None and self.cursor - self.confirmed > AHEAD_S * rate_hz:
            return False
        self.session.audio(parts)
        self.pace.spend(seconds, moment.mono)
        meters.frame(backlog, parts[0][0], moment)
        last, pcm = parts[-1]
        self._sent(parts, last + len(pcm) // BYTES_PER_SAMPLE, moment)
        return True

    def written_at(self, stop: int, otherwise: float) -> float:
        """Return the UTC at which the frame with the sample before `stop` was written."""
        index = bisect_left(self.written, (stop, 0.0))
        return self.written[index][1] if index < len(self.written) else otherwise

    def remember(self, order: int, body: Body) -> None:
        """Keep a final's body for a while."""
        self.finals[order] = body
        if len(self.finals) > KEPT_FINALS:
            del self.finals[next(iter(self.finals))]

    def _sent(self, parts: list[tuple[int, bytes]], cursor: int, moment: Moment) -> None:
        self.cursor = max(self.cursor, cursor)
        self.settler.sent(self.cursor, moment.mono)
        if parts:
            self.written.append((self.cursor, moment.utc))
        if len(self.written) > 2 * _WRITTEN:
            del self.written[:_WRITTEN]


class Meters:
    """Where a source's time goes, for the status."""

    def __init__(self) -> None:
        self.upstream = Latency()
        self.total_sent = Latency()
        self.recognize = Latency()

    def frame(self, backlog: Backlog, first: int, moment: Moment) -> None:
        """Take note of a frame whose first sample is `first`, being written now."""
        passage = backlog.passage(first)
        self.upstream.add(max(0.0, moment.utc - passage.denoised) * 1000)
        self.total_sent.add(max(0.0, moment.utc - passage.spoken) * 1000)

    def status(self) -> Body:
        """Return the quantiles that there are."""
        named = {"upstream": self.upstream, "total_sent": self.total_sent, "recognize": self.recognize}
        return {name: found for name, meter in named.items() if (found := meter.quantiles()) is not None}
