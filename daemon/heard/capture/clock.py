"""Core: when a device's samples were captured, from when Python learned of them.

A wake-up tells a frame's time plus a delay that is never negative and varies a lot. So the true line
of time over frames is the lower edge of the cloud: over windows of WINDOW_S the earliest arrival is
taken, and the line is slewed towards the edge of the last windows, which follows the drift of the
device's quartz without following the jitter. A stall that ends in a burst leaves the edge where it
was, so stale frames get their true times; frames that are missing lift the edge for good, which is a
step (an xrun that nobody reported).
"""

from __future__ import annotations

from collections import deque

WINDOW_S = 0.5
WINDOWS = 4
"""The edge is that of the last WINDOW_S * WINDOWS seconds."""
STEP_S = 0.05
"""An edge that is off by more is a step, not drift or jitter."""
MAX_SLEW = 0.0005
"""Seconds per second by which the line may bend: ten times a bad quartz's drift."""
SETTLE_S = 3.0
"""While so young the line bends at FAST_SLEW: its first wake-ups may all have been late."""
FAST_SLEW = 0.02


class DeviceClock:
    """Maps frames of one opened stream to monotonic seconds; `rate_hz` is the device's own."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._offset: float | None = None
        self._born = 0.0
        self._updated = 0.0
        self._edges: deque[float] = deque(maxlen=WINDOWS)
        self._edge = float("inf")
        self._window_ends = 0.0
        self._suspect = False

    def time_of(self, frame: float) -> float:
        """Return when `frame` was captured (monotonic seconds); the clock must have been fed."""
        if self._offset is None:
            raise ValueError("the clock has not been fed")
        return self._offset + frame / self._rate_hz

    def feed(self, frame: int, at: float, *, overrun: bool = False) -> float:
        """Take in that `frame` was captured at `at` or somewhat earlier (monotonic seconds).

        `overrun`: the device says that frames before this one are missing; then the step is found
        after one window and not only once all windows agree. Returns the seconds that turned out
        to be missing before `frame`: 0, or at least STEP_S. Negative where the line had been late,
        which no sample is lost by.
        """
        offset = at - frame / self._rate_hz
        if self._offset is None:
            self._offset, self._born, self._updated = offset, at, at
            self._window_ends = at + WINDOW_S
        if overrun and not self._suspect:
            # What came before the loss says nothing about what comes after it.
            self._suspect, self._edge, self._window_ends = True, offset, at + WINDOW_S
        self._edge = min(self._edge, offset)
        if self._edge < self._offset - STEP_S:
            # Nothing arrives before it was captured: the line was late by that much.
            return self._step()
        if at >= self._window_ends:
            self._edges.append(self._edge)
            self._edge = offset
            self._window_ends = at + WINDOW_S
            if len(self._edges) == WINDOWS or self._suspect:
                edge = self._edges[-1] if self._suspect else min(self._edges)
                self._suspect = False
                if edge > self._offset + STEP_S:
                    self._edge = edge
                    return self._step()
        self._slew(at)
        return 0.0

    def skip(self, frames: int) -> None:
        """Note that `frames` frames known to be lost were left out of the count."""
        if self._offset is not None:
            shift = frames / self._rate_hz
            self._offset += shift
            self._edge += shift
            self._edges = deque((edge + shift for edge in self._edges), maxlen=WINDOWS)

    def _step(self) -> float:
        assert self._offset is not None
        step = self._edge - self._offset
        self._offset = self._edge
        self._edges.clear()
        return step

    def _slew(self, at: float) -> None:
        assert self._offset is not None
        elapsed, self._updated = max(at - self._updated, 0.0), max(at, self._updated)
        rate = FAST_SLEW if at - self._born < SETTLE_S else MAX_SLEW
        error = min((self._edge, *self._edges)) - self._offset
        reach = rate * elapsed
        self._offset += min(max(error, -reach), reach)
