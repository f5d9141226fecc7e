"""Core: a preallocated queue of frames from one writing thread to one reading thread, without a lock.

The writer is PortAudio's callback: it copies, writes down one stamp and returns. A stamp is published
by one assignment after all else is in place, which the reader sees whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BYTES_PER_VALUE = 2
STAMPS = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """Frames that were written at once, shape (frames, channels), int16.

    frame    number of the first, of those that found room
    at       when it was captured as far as the writer could tell (monotonic seconds)
    overrun  the device said that it lost frames before this one
    lost     frames before this one that found no room here
    """

    frames: npt.NDArray[np.int16]
    frame: int
    at: float
    overrun: bool
    lost: int


class Fifo:
    """Room for `capacity` frames of `channels` int16 values."""

    def __init__(self, capacity: int, channels: int) -> None:
        self._frame_bytes = channels * BYTES_PER_VALUE
        self._channels = channels
        self._size = capacity * self._frame_bytes
        self._data = bytearray(self._size)
        self._view = memoryview(self._data)
        self._frames = [0] * STAMPS
        self._counts = [0] * STAMPS
        self._ats = [0.0] * STAMPS
        self._overruns = [False] * STAMPS
        self._losts = [0] * STAMPS
        self._written = 0
        self._end = 0
        self._lost = 0
        self._read = 0
        self._freed = 0

    def write(self, data: memoryview, frames: int, at: float, *, overrun: bool) -> None:
        """Copy `frames` frames in; without room for all they are counted as lost. The writer's side."""
        size = frames * self._frame_bytes
        if self._written - self._read >= STAMPS or self._end - self._freed + size > self._size:
            self._lost += frames
            return
        start = self._end % self._size
        first = min(size, self._size - start)
        self._view[start : start + first] = data[:first]
        if first < size:
            self._view[: size - first] = data[first:size]
        index = self._written % STAMPS
        self._frames[index] = self._end // self._frame_bytes
        self._counts[index] = frames
        self._ats[index] = at
        self._overruns[index] = overrun
        self._losts[index] = self._lost
        self._lost = 0
        self._end += size
        self._written += 1

    def take(self) -> Iterator[Piece]:
        """Yield what was written since the last call; the arrays are copies. The reader's side."""
        for number in range(self._read, self._written):
            index = number % STAMPS
            frame, count = self._frames[index], self._counts[index]
            start, size = (frame * self._frame_bytes) % self._size, count * self._frame_bytes
            first = min(size, self._size - start)
            data = self._data[start : start + first] + self._data[: size - first]
            piece = Piece(
                np.frombuffer(data, dtype="<i2").reshape(-1, self._channels),
                frame,
                self._ats[index],
                self._overruns[index],
                self._losts[index],
            )
            self._freed = frame * self._frame_bytes + size
            self._read = number + 1
            yield piece
