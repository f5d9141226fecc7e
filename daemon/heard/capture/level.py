"""Core: how loud a source is."""

from __future__ import annotations

import math

import numpy as np

from heard.capture.windows import Window
from heard.meters import dbfs


class Level:
    """RMS of what came in since the last reading but one, so that a reading never stands on too little."""

    def __init__(self) -> None:
        self._squares = self._samples = 0.0
        self._last = (0.0, 0.0)

    def add(self, window: Window) -> None:
        """Take in samples."""
        self._squares += float(np.dot(window, window))
        self._samples += len(window)

    def reading(self) -> float | None:
        """Return the level in dBFS of a full-scale sample, None before any came."""
        squares, samples = self._squares + self._last[0], self._samples + self._last[1]
        if self._samples:
            self._last = (self._squares, self._samples)
            self._squares = self._samples = 0.0
        return dbfs(math.sqrt(squares / samples) / 32768) if samples else None
