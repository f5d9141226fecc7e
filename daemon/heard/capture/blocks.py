"""Core: one source's samples between the input and the pipe.

A track numbers the samples, keeps them in the ring until they are settled or given up, and cuts them into
blocks where its cursor says. Nothing here waits: a block that could not be sent is simply cut again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from heard.capture.adopt import copied
from heard.capture.cursor import LEAD_IN, Cursor
from heard.capture.record import Record
from heard.capture.ring import Ring, Samples
from heard.settings import WORKING_RATE_HZ
from heard.wire.audio import Block, End
from heard.wire.positions import From, Position, Received, Refused, Replay, Settled

log = logging.getLogger(__name__)

EXPIRE_STEP = WORKING_RATE_HZ
"""Samples given up at once when the retention runs out: one message a second, not one a block."""

PART = WORKING_RATE_HZ
"""Samples taken in between two looks at the retention."""

MAX_PENDING = 512
"""Intervals of pending samples that are told apart. A settlement that would make more is left undone:
its samples stay pending until their neighbours are settled or they expire."""

RECORD_EVERY = WORKING_RATE_HZ
"""Samples after which a record is written though nothing but them is new."""

WIPE_STEP = WORKING_RATE_HZ
"""Samples that nobody needs any more are overwritten so many at once."""


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
    """The samples of source `name`, kept in `ring` and described by `record`.

    `retention` and `block` are in samples; the ring holds `ring_samples(retention)`. A record that knows
    of samples is continued: what `upstream` did not confirm is sent again.
    """

    def __init__(self, name: str, ring: Ring, record: Record, *, retention: int, block: int) -> None:
        self.name = name
        self.record = record
        self.ring = ring
        self._retention = retention
        self._cursor = Cursor(record, block)
        self._losses: list[Loss] = []
        self._dirty = True
        self._grown = 0
        """Samples taken in since the last record."""
        if record.timeline.segments:
            self._cursor.go_back(record.through, self._oldest)
        self.commit()

    @property
    def next(self) -> int:
        """Number of the next sample."""
        return self.record.ledger.next

    @property
    def unsent(self) -> int:
        """How many samples `upstream` has not sent."""
        return sum(stop - start for start, stop in self.places(self.record.sent, self.next))

    @property
    def open(self) -> bool:
        """Whether a segment goes on."""
        return self.record.timeline.open

    @property
    def next_time(self) -> float:
        """When the next sample is captured if nothing comes between; 0 before the first (UTC)."""
        return self.record.timeline.time_of(self.next)

    def begin(self, time: float) -> None:
        """Begin a segment whose first sample is captured at `time` (UTC)."""
        timeline = self.record.timeline
        if timeline.crowded:
            # Hundreds of segments within the retention: the oldest is given up, and counted.
            self._expire(timeline.segments[1].start)
            timeline.forget(timeline.segments[1].start + 1)
        timeline.begin(self.next, time)
        if not self.record.started:
            self.record.started = time
        self._dirty = True

    def append(self, pcm: Samples, time: float) -> None:
        """Take in samples of the open segment, the first of them captured at `time` (UTC)."""
        self._dirty = self.record.timeline.place(self.next, time) or self._dirty
        for at in range(0, len(pcm), PART):
            part = pcm[at : at + PART]
            if len(part) > self.ring.room:
                self.commit()
            self.ring.write(self.next - self.record.timeline.skipped, part)
            self.record.grow(len(part))
            self._grown += len(part)
            kept = self.record.timeline.newest(self._retention, self.next)
            if self.record.ledger.oldest_pending < kept - EXPIRE_STEP:
                self._expire(kept)

    def end(self, why: End) -> None:
        """End the open segment; where none is open, an empty one says that the input is at its end."""
        if not self.open:
            if why is not End.ENDED:
                return
            timeline = self.record.timeline
            self.begin(timeline.time_after(self.next) or self.record.accounted)
        self.record.timeline.end(self.next, why)
        self._dirty = True

    def take(self, position: Position) -> None:
        """Do what a stage behind us says; facts that do not fit are clamped to the samples there are."""
        record, ledger = self.record, self.record.ledger
        self._dirty = True
        match position:
            case Settled(_, start, stop, anchor):
                if len(ledger.pending) < MAX_PENDING or start <= ledger.oldest_pending:
                    ledger.settle(start, stop)
                    record.note_turn(stop, anchor)
                else:
                    log.warning("%s: too many holes in what is settled: %d..%d waits", self.name, start, stop)
            case Refused(_, start, stop, reason):
                self.drop(start, stop, reason)
            case Received(_, through, sent):
                record.through, record.sent = self._clamp(through), self._clamp(sent)
            case Replay(_, From.SETTLED):
                record.through = ledger.oldest_pending
                record.sent = min(record.sent, record.through)
                self._cursor.go_back(record.through, self._oldest)
            case Replay(_, From.RECEIVED):
                self._cursor.go_back(record.through, self._oldest)

    def drop(self, start: int, stop: int, reason: str) -> None:
        """Give up what is pending of [start, stop): a loss for each stretch, since others may lie between."""
        timeline, ledger = self.record.timeline, self.record.ledger
        while True:
            first, last = ledger.pending_from(start)
            last = min(last, stop)
            if first >= last:
                return
            samples = ledger.drop(first, last, reason)
            self._losses.append(Loss(reason, samples, timeline.time_of(first), timeline.time_after(last)))
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
        passes = self.record.pass_no
        cut = self._cursor.next(self._oldest)
        if self.record.pass_no > passes:
            self._dirty = True
            self.commit()
        if cut is None:
            return None
        record, start, stop = self.record, cut.start, cut.stop
        timeline = record.timeline
        return Block(
            source=self.name,
            sample=start,
            time=timeline.time_of(start) if start < stop else timeline.time_after(start),
            pcm=self.ring.read(start - cut.segment.skipped, stop - cut.segment.skipped),
            rate_hz=WORKING_RATE_HZ,
            segment=cut.segment.number,
            segment_start=cut.segment.start,
            follows=cut.follows,
            pass_no=record.pass_no,
            wanted=cut.wanted,
            anchor=record.anchor_at(max(start, cut.wanted)),
            end=cut.end,
            numbered_by=record.numbered_by,
        )

    def sent(self, block: Block) -> None:
        """Note that `block` left."""
        self._cursor.sent(block)

    def commit(self) -> None:
        """Write into the ring what changed; with a record what nobody needs any more is wiped.

        Most of the time only samples are new; their number is written in a tenth of a record's time.
        """
        if not self._dirty and self._grown < RECORD_EVERY:
            if self._grown:
                self.ring.grow(self._grown)
            return
        self.record.timeline.forget(self._oldest)
        needed = max(self.record.ledger.oldest_pending - LEAD_IN, 0)
        wiped, self.record.wiped = self.record.wiped, self._wipe_to(needed)
        self.ring.commit(self.record.pack())
        # Only now: until then the record that stands may say that they are wanted.
        for start, stop in self.places(wiped, self.record.wiped):
            self.ring.wipe(start, stop)
        self._dirty, self._grown = False, 0

    def places(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return where in the ring those of the samples [start, stop) are that can be read."""
        return self.record.timeline.places(max(start, self._oldest), min(stop, self.next))

    def move(self, ring: Ring) -> None:
        """Go on in another ring, which holds nothing yet."""
        self.commit()
        copied(self.record, self.ring, ring)
        self.ring.close()
        self.ring = ring
        self._grown = 0

    def touch(self) -> None:
        """Note that the record was changed by its owner."""
        self._dirty = True

    def close(self) -> None:
        """Let go of the ring."""
        self.commit()
        self.ring.close()

    def _expire(self, stop: int) -> None:
        """Give up what is pending below `stop`, and send none of it any more."""
        self.drop(0, stop, "expired")
        self._cursor.skip(stop)

    @property
    def _oldest(self) -> int:
        """The oldest sample that can still be read."""
        return self.record.timeline.newest(self.ring.readable, self.next)

    def _wipe_to(self, needed: int) -> int:
        return needed if needed - self.record.wiped >= WIPE_STEP else self.record.wiped

    def _clamp(self, sample: int) -> int:
        return min(max(sample, 0), self.next)
