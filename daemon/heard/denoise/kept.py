"""Core: the newest stretch of a stream's samples, by number."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Sample = TypeVar("Sample", np.int16, np.float32)


class Kept(Generic[Sample]):
    """Samples [start, stop), of which the oldest may be forgotten.

    Appending costs the same however many are kept.
    """

    def __init__(self, start: int, samples: npt.NDArray[Sample]) -> None:
        self._buffer: npt.NDArray[Sample] = samples.copy()
        self._begin = 0
        self.start = start
        self.stop = start + len(samples)

    def append(self, samples: npt.NDArray[Sample]) -> None:
        """Add the samples that follow."""
        end = self._begin + self.stop - self.start
        if end + len(samples) > len(self._buffer):
            live = self._buffer[self._begin : end]
            self._buffer = np.empty(2 * (len(live) + len(samples)), live.dtype)
            self._buffer[: len(live)] = live
            self._begin, end = 0, len(live)
        self._buffer[end : end + len(samples)] = samples
        self.stop += len(samples)

    def between(self, start: int, stop: int) -> npt.NDArray[Sample]:
        """Return the samples [start, stop), which must be kept; do not write to them."""
        if not self.start <= start <= stop <= self.stop:
            raise IndexError(f"samples {start} to {stop} of {self.start} to {self.stop}")
        kept: npt.NDArray[Sample] = self._buffer[
            self._begin + start - self.start : self._begin + stop - self.start
        ]
        return kept

    def forget(self, before: int) -> None:
        """Keep nothing that lies before sample number `before`."""
        if before > self.start:
            self._begin += min(before, self.stop) - self.start
            self.start = min(before, self.stop)
