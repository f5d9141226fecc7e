"""Core: what of a source's retained samples is sent next.

The cursor runs along the segments and waits at the newest sample. It goes back when a stage lost what it
held: that begins a new *pass*, with a lead-in from which the denoiser rebuilds its state. A pass goes
through pending samples only: where it comes to samples that are done with, the next pass leaps over them.
"""

from __future__ import annotations

from dataclasses import dataclass

from heard.capture.record import Record
from heard.capture.timeline import Segment
from heard.settings import WORKING_RATE_HZ
from heard.wire.audio import Block, End

LEAD_IN = 6 * WORKING_RATE_HZ
"""Samples sent again before the wanted ones, from which the denoiser's state is rebuilt."""

LEAST_LEAP = WORKING_RATE_HZ // 20
"""A shorter stretch that is done with is sent again between two pending ones: 50 ms hold no word, so nothing
is said twice, and a leap costs a lead-in and a session of its own."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Samples [start, stop) of `segment`, to be sent as one block; see `Block` for the rest."""

    segment: Segment
    start: int
    stop: int
    follows: int
    wanted: int
    end: End = End.NO


class Cursor:
    """The place in `record`'s samples from which they are sent, in blocks of `block` samples."""

    def __init__(self, record: Record, block: int) -> None:
        self._record = record
        self._block = block
        self._segment = 0
        self._sample = 0
        self._follows = 0
        self._wanted = 0

    def next(self, oldest: int) -> Cut | None:
        """Return what to send next, None where there is no whole block yet; `oldest` can still be read.

        It is the same again until `sent` says that it left.
        """
        ledger, timeline = self._record.ledger, self._record.timeline
        # Settled unsent, or lead-in that waited for very long: nobody needs it any more.
        self._sample = max(self._sample, oldest)
        self._leap(oldest)
        segment = timeline.by_number(self._segment)
        if segment is None:
            return None
        start = max(self._sample, segment.start)
        whole = start + self._block - (start - segment.start) % self._block
        border = self._border(max(start, self._wanted))
        last = ledger.next if segment.stop is None else segment.stop
        if border is not None and border < last:
            return self._cut(segment, start, min(whole, border))
        if segment.stop is None:
            return self._cut(segment, start, whole) if whole <= last else None
        if whole < last:
            return self._cut(segment, start, whole)
        return self._cut(segment, min(start, last), last, segment.end)

    def sent(self, block: Block) -> None:
        """Note that `block` left."""
        self._sample = max(self._sample, block.stop)
        if block.stop > self._wanted:
            self._follows = block.stop
        self._segment = block.segment + (block.end is not End.NO)

    def skip(self, stop: int) -> None:
        """Send nothing below `stop` any more, in the same pass: it was given up before it was sent."""
        if max(self._sample, self._wanted) < stop:
            self._sample = stop

    def go_back(self, wanted: int, oldest: int) -> None:
        """Begin a new pass at the first pending sample from `wanted` on; `oldest` can still be read."""
        target = self._record.ledger.pending_from(wanted)[0]
        self._begin(target, self._record.timeline.find(target), oldest)

    def _leap(self, oldest: int) -> None:
        """Begin a new pass where the samples that are due are done with, and some way on."""
        at = max(self._sample, self._wanted)
        target = self._record.ledger.pending_from(at)[0]
        if target - at < LEAST_LEAP:
            return
        timeline = self._record.timeline
        under_way = timeline.by_number(self._segment)
        if under_way is not None and under_way.stop is not None and self._sample >= under_way.stop:
            # All of it was sent but its end, which comes first.
            return
        self._begin(target, timeline.holding(target) or timeline.find(target), oldest)

    def _begin(self, target: int, segment: Segment | None, oldest: int) -> None:
        record = self._record
        record.pass_no += 1
        self._wanted = target
        self._follows = record.ledger.done_from(target)
        if segment is None:
            self._segment = self._sample = 0
            return
        self._segment = segment.number
        self._sample = max(target - LEAD_IN, segment.start, oldest)

    def _border(self, sample: int) -> int | None:
        """Return where the samples that are pending from `sample` on end for a leap; None: nowhere yet."""
        ledger = self._record.ledger
        start, stop = ledger.pending_from(sample)
        while start < stop:
            start, following = ledger.pending_from(stop)
            if start - stop >= LEAST_LEAP:
                return stop
            stop = following
        return None

    def _cut(self, segment: Segment, start: int, stop: int, end: End = End.NO) -> Cut:
        follows = min(self._follows, max(start, self._wanted))
        return Cut(segment, start, stop, follows, self._wanted, end)
