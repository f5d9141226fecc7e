"""Core: values that change gradually, by sample number."""

from __future__ import annotations

import numpy as np

from heard.denoise.backend import Samples

FADE_SAMPLES = 640
"""40 ms at the working rate: how long a change of mix or backend takes."""


class Gradual:
    """A value that goes to its target along half a cosine, without a corner that could be heard."""

    def __init__(self, value: float) -> None:
        self._from = value
        self._to = value
        self._start = 0
        self._stop = 0

    def aim(self, value: float, at: int) -> None:
        """Go to `value`, beginning at sample `at`."""
        self._from = float(self.over(at, at + 1)[0])
        self._to = value
        self._start, self._stop = at, at + FADE_SAMPLES

    def over(self, start: int, stop: int) -> Samples:
        """Return the value at each of the samples [start, stop)."""
        if start >= self._stop or self._from == self._to:
            return np.full(stop - start, self._to, np.float32)
        place = (np.arange(start - self._start, stop - self._start) + 1) / FADE_SAMPLES
        share = (1 - np.cos(np.pi * np.clip(place, 0, 1))) / 2
        return (self._from + (self._to - self._from) * share).astype(np.float32)
