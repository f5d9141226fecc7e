"""Core: one source's samples on their way from the input to the pipe.

A track numbers the samples and keeps them in the ring; its cursor says what is sent next. It goes back
when a stage lost what it held (`take`) and jumps ahead when samples are given up before they were sent.
Nothing here waits: a block that could not be sent is simply cut again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from heard.capture.record import Record
from heard.capture.ring import Ring, Samples
from heard.capture.timeline import Segment
from heard.settings import WORKING_RATE_HZ
from heard.wire.audio import Block, End
from heard.wire.codec import WireError
from heard.wire.positions import From, Position, Received, Refused, Replay, Settled

log = logging.getLogger(__name__)

LEAD_IN = 6 * WORKING_RATE_HZ
"""Samples sent again before the wanted ones, from which the denoiser's state is rebuilt."""

EXPIRE_STEP = WORKING_RATE_HZ
"""Samples given up at once when the retention runs out: one message a second, not one a block."""

PART = WORKING_RATE_HZ
"""Samples taken in between two looks at the retention."""

MAX_PENDING = 512
"""Intervals of pending samples that are told apart. A settlement that would make more is left undone:
its samples stay pending until their neighbours are settled or they expire."""


def ring_samples(retention: int) -> int:
    """Return how many samples a track's ring must hold to keep `retention` of them until settled."""
    return retention + EXPIRE_STEP + PART + LEAD_IN


@dataclass(frozen=True, slots=True)
class Loss:
    """`samples` were given up, of those captured between `start` and `stop` (UTC)."""

    reason: str
    samples: int
    start: float
    stop: float


class Track:
    """The samples of source `name` in this run.

    `retention` and `block` are in samples; the ring holds `ring_samples(retention)`. A ring of the
    same run is continued: what `upstream` did not confirm is sent again. One of another run is
    started anew.
    """

    def __init__(self, name: str, ring: Ring, run: str, *, retention: int, block: int) -> None:
        self.name = name
        self._ring = ring
        self._retention = retention
        self._block = block
        found = _recorded(ring, run)
        self.record = found or Record(run)
        self.continued = found is not None
        """Whether an earlier process of this run left its record."""
        self._segment = 0
        self._cursor = 0
        self._follows = 0
        self._wanted = 0
        self._losses: list[Loss] = []
        self._dirty = True
        if self.continued:
            self._go_back(self.record.through)
        self.commit()

    @property
    def captured(self) -> int:
        """Number of the next sample."""
        return self.record.ledger.captured

    @property
    def open(self) -> bool:
        """Whether a segment goes on."""
        return self.record.timeline.open

    @property
    def next_time(self) -> float:
        """When the next sample is captured if nothing comes between; 0 before the first (UTC)."""
        return self.record.timeline.time_of(self.captured)

    def begin(self, time: float) -> None:
        """Begin a segment whose first sample is captured at `time` (UTC)."""
        timeline = self.record.timeline
        if timeline.crowded:
            # Hundreds of segments within the retention: the oldest is given up, and counted.
            self._expire(timeline.segments[1].start)
            timeline.forget(timeline.segments[1].start + 1)
        timeline.begin(self.captured, time)
        if not self.record.started:
            self.record.started = time
        self._dirty = True

    def append(self, pcm: Samples, time: float) -> None:
        """Take in samples of the open segment, the first of them captured at `time` (UTC)."""
        self.record.timeline.place(self.captured, time)
        for at in range(0, len(pcm), PART):
            part = pcm[at : at + PART]
            if len(part) > self._ring.room:
                self.commit()
            self._ring.write(self.captured, part)
            self.record.ledger.capture(len(part))
            self._dirty = True
            if self.record.ledger.oldest_pending < self.captured - self._retention - EXPIRE_STEP:
                self._expire(self.captured - self._retention)

    def end(self, why: End) -> None:
        """End the open segment; where none is open, an empty one says that the input is at its end."""
        if not self.open:
            if why is not End.ENDED:
                return
            timeline = self.record.timeline
            self.begin(timeline.time_after(self.captured) or self.record.accounted)
        self.record.timeline.end(self.captured, why)
        self._dirty = True

    def take(self, position: Position) -> None:
        """Do what a stage behind us says; facts that do not fit are clamped to the samples there are."""
        record, ledger = self.record, self.record.ledger
        self._dirty = True
        match position:
            case Settled(_, start, stop, anchor):
                if len(ledger.pending) < MAX_PENDING or start <= ledger.oldest_pending:
                    ledger.settle(start, stop)
                else:
                    log.warning("%s: too many holes in what is settled: %d..%d waits", self.name, start, stop)
                record.anchor = max(record.anchor, min(anchor, self.captured))
            case Refused(_, start, stop, reason):
                self.drop(start, stop, reason)
            case Received(_, through, sent):
                record.through, record.sent = self._clamp(through), self._clamp(sent)
            case Replay(_, From.SETTLED):
                record.through = ledger.oldest_pending
                record.sent = min(record.sent, record.through)
                self._go_back(record.through)
            case Replay(_, From.RECEIVED):
                self._go_back(record.through)

    def drop(self, start: int, stop: int, reason: str) -> None:
        """Give up what is pending of [start, stop)."""
        timeline, ledger = self.record.timeline, self.record.ledger
        start, stop = max(start, ledger.oldest_pending), min(stop, self.captured)
        if samples := ledger.drop(start, stop, reason):
            self._losses.append(Loss(reason, samples, timeline.time_of(start), timeline.time_after(stop)))
            self._dirty = True

    def losses(self) -> list[Loss]:
        """Return what was given up since the last call."""
        losses, self._losses = self._losses, []
        return losses

    def next_block(self) -> Block | None:
        """Return the block to send next, None where there is no whole one yet.

        It is cut again until `sent` says that it left. `commit` must come before it is sent, or a
        successor of this process would give its numbers to other samples.
        """
        segment = self.record.timeline.by_number(self._segment)
        if segment is None:
            return None
        if self._cursor < self._oldest_readable:
            # Settled unsent, or lead-in that waited for very long: nobody needs it any more.
            self._cursor = self.record.ledger.oldest_pending
        start = max(self._cursor, segment.start)
        whole = start + self._block - (start - segment.start) % self._block
        if segment.stop is None:
            return self._cut(segment, start, whole) if whole <= self.captured else None
        if whole < segment.stop:
            return self._cut(segment, start, whole)
        return self._cut(segment, min(start, segment.stop), segment.stop, segment.end)

    def sent(self, block: Block) -> None:
        """Note that `block` left."""
        self._cursor = max(self._cursor, block.stop)
        self._follows = block.stop
        self._segment = block.segment + (block.end is not End.NO)

    def commit(self) -> None:
        """Write the record into the ring, if anything changed."""
        if not self._dirty:
            return
        self.record.timeline.forget(self.captured - self._ring.readable)
        self._ring.commit(self.record.pack())
        self._dirty = False

    def touch(self) -> None:
        """Note that the record was changed by its owner."""
        self._dirty = True

    def close(self) -> None:
        """Let go of the ring."""
        self.commit()
        self._ring.close()

    def _cut(self, segment: Segment, start: int, stop: int, end: End = End.NO) -> Block:
        timeline = self.record.timeline
        return Block(
            source=self.name,
            sample=start,
            time=timeline.time_of(start) if start < stop else timeline.time_after(start),
            pcm=self._ring.read(start, stop),
            rate_hz=WORKING_RATE_HZ,
            segment=segment.number,
            segment_start=segment.start,
            follows=min(self._follows, start),
            pass_no=self.record.pass_no,
            wanted=self._wanted,
            anchor=self.record.anchor,
            end=end,
        )

    def _expire(self, stop: int) -> None:
        """Give up what is pending below `stop`, and send none of it any more."""
        self.drop(0, stop, "expired")
        self.record.expired = max(self.record.expired, stop)
        if self._cursor >= stop:
            return
        if self._wanted < stop:
            self._cursor = stop

    def _go_back(self, wanted: int) -> None:
        """Begin a new pass at `wanted`, or behind what has expired.

        Where samples have expired in between, the pass starts behind them without lead-in, and its
        first block follows on `wanted`: so the hole is seen to be meant.
        """
        target = max(wanted, self.record.expired)
        self.record.pass_no += 1
        self._wanted = target
        segment = self.record.timeline.find(target)
        if segment is None:
            self._segment = self._cursor = self._follows = 0
            return
        self._segment = segment.number
        if target > wanted:
            self._cursor, self._follows = target, wanted
        else:
            self._cursor = self._follows = max(target - LEAD_IN, segment.start, self._oldest_readable)

    @property
    def _oldest_readable(self) -> int:
        return self.captured - self._ring.readable

    def _clamp(self, sample: int) -> int:
        return min(max(sample, 0), self.captured)


def _recorded(ring: Ring, run: str) -> Record | None:
    if ring.record is None:
        return None
    try:
        record = Record.unpack(ring.record)
    except WireError as error:
        log.error("retained audio cannot be read and is given up: %s", error)
        return None
    return record if record.run == run else None
