"""Core: which samples belong together, and when each was captured.

A timeline is a list of segments, which follow each other, as a rule without a hole in the numbers, and a
list of anchors: the sample at an anchor was captured at its time, those after it at the working rate, up
to the next anchor. Both are bounded, and forget what lies before the retained samples.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace

from heard.settings import WORKING_RATE_HZ
from heard.wire.audio import End

MAX_ANCHORS = 512
MAX_SEGMENTS = 512

SLEW_S = 0.001
"""Times that differ from the extrapolated ones by less do not get an anchor of their own."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Samples [start, stop) that may be treated as one stream; `stop` is None while it goes on.

    `skipped` numbers before it were given to no sample, so that its samples lie so much earlier in the ring.
    """

    number: int
    start: int
    stop: int | None = None
    end: End = End.NO
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class TimeAnchor:
    """Sample number `sample` was captured at `time` (UTC)."""

    sample: int
    time: float


@dataclass(slots=True)
class Timeline:
    """Segments and anchors of one source, both ascending."""

    segments: list[Segment] = field(default_factory=list)
    anchors: list[TimeAnchor] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether a segment goes on."""
        return bool(self.segments) and self.segments[-1].stop is None

    def begin(self, sample: int, time: float) -> None:
        """Begin a segment with number `sample`, captured at `time`; the one before must have ended."""
        if self.open:
            raise ValueError("a segment begins before the last one ended")
        if self.segments:
            last = self.segments[-1]
            assert last.stop is not None, "it is not open"
            self.segments.append(Segment(last.number + 1, sample, skipped=last.skipped + sample - last.stop))
        else:
            self.segments.append(Segment(0, sample))
        self._anchor(sample, time)

    def end(self, sample: int, why: End) -> None:
        """End the open segment before number `sample`."""
        if not self.open:
            raise ValueError("there is no segment to end")
        self.segments[-1] = replace(self.segments[-1], stop=sample, end=why)

    def place(self, sample: int, time: float) -> bool:
        """Note that `sample`, the next one, was captured at `time`; return whether that is news."""
        news = abs(time - self.time_of(sample)) >= SLEW_S
        if news:
            self._anchor(sample, time)
        return news

    def time_of(self, sample: int) -> float:
        """Return when `sample` was captured; 0 where nothing is known."""
        if not self.anchors:
            return 0.0
        index = bisect_right(self.anchors, sample, key=lambda anchor: anchor.sample) - 1
        anchor = self.anchors[max(index, 0)]
        return anchor.time + (sample - anchor.sample) / WORKING_RATE_HZ

    def time_after(self, sample: int) -> float:
        """Return when the capture of the samples below `sample` was over."""
        return self.time_of(sample - 1) + 1 / WORKING_RATE_HZ if self.anchors else 0.0

    def find(self, sample: int) -> Segment | None:
        """Return the first segment that holds `sample` or ends right before it, else the last one."""
        for segment in self.segments:
            if segment.stop is None or sample <= segment.stop:
                return segment
        return self.segments[-1] if self.segments else None

    def holding(self, sample: int) -> Segment | None:
        """Return the segment that `sample` belongs to, None where it lies in none."""
        for segment in reversed(self.segments):
            if segment.start <= sample:
                return segment if segment.stop is None or sample < segment.stop else None
        return None

    def newest(self, samples: int, following: int) -> int:
        """Return the number of the oldest of the newest `samples` samples; the next one is `following`.

        Numbers may be left out between two segments.
        """
        for segment in reversed(self.segments):
            stop = following if segment.stop is None else segment.stop
            if stop - segment.start >= samples:
                return stop - samples
            samples -= stop - segment.start
        return self.segments[0].start if self.segments else following

    @property
    def skipped(self) -> int:
        """How many numbers before the newest segment were given to no sample."""
        return self.segments[-1].skipped if self.segments else 0

    def places(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return the samples [start, stop) as they lie in the ring: numbers that were skipped left out."""
        found = []
        for segment in self.segments:
            first = max(start, segment.start)
            last = stop if segment.stop is None else min(stop, segment.stop)
            if first < last:
                found.append((first - segment.skipped, last - segment.skipped))
        return found

    def by_number(self, number: int) -> Segment | None:
        """Return the segment of that number; the oldest that is known where it is forgotten."""
        for segment in self.segments:
            if segment.number >= number:
                return segment
        return None

    def forget(self, sample: int) -> None:
        """Drop what describes only samples below `sample`; the last segment stays."""
        while len(self.segments) > 1 and (stop := self.segments[0].stop) is not None and stop < sample:
            del self.segments[0]
        keep = bisect_right(self.anchors, sample, key=lambda anchor: anchor.sample) - 1
        if keep > 0:
            del self.anchors[:keep]

    @property
    def crowded(self) -> bool:
        """Whether the oldest segment must be given up to make room for another."""
        return len(self.segments) >= MAX_SEGMENTS

    def _anchor(self, sample: int, time: float) -> None:
        if self.anchors and self.anchors[-1].sample == sample:
            self.anchors.pop()
        self.anchors.append(TimeAnchor(sample, time))
        if len(self.anchors) > MAX_ANCHORS:
            self._thin()

    def _thin(self) -> None:
        """Remove the anchor that is missed the least: the one nearest to what its forerunner says."""
        starts = [segment.start for segment in self.segments]
        least, where = float("inf"), len(self.anchors) - 2
        for index in range(1, len(self.anchors) - 1):
            before, anchor = self.anchors[index - 1], self.anchors[index]
            place = bisect_left(starts, anchor.sample)
            if place < len(starts) and starts[place] == anchor.sample:
                continue
            said = before.time + (anchor.sample - before.sample) / WORKING_RATE_HZ
            if abs(anchor.time - said) < least:
                least, where = abs(anchor.time - said), index
        del self.anchors[where]
