"""Core: a source's sound in tenths of a second, as its level and its verdicts look at it.

Small pieces come fifty times a second; what is looked at ten times a second costs a fifth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heard.capture.ring import Samples
from heard.settings import WORKING_RATE_HZ

Window = npt.NDArray[np.float32]
"""WINDOW samples, with the values that int16 has."""

WINDOW = WORKING_RATE_HZ // 10
"""Samples that are looked at at once."""
WINDOWS_S = WORKING_RATE_HZ // WINDOW


class Windows:
    """What came in and makes no whole window yet."""

    def __init__(self) -> None:
        self._pieces: list[Samples] = []
        self._samples = 0

    def take(self, pcm: Samples) -> list[Window]:
        """Take in samples, which nobody changes afterwards; return the windows that are whole with them."""
        self._pieces.append(pcm)
        self._samples += len(pcm)
        if self._samples < WINDOW:
            return []
        joined = np.concatenate(self._pieces)
        whole = len(joined) // WINDOW * WINDOW
        # A slice would keep all that it was cut from.
        self._pieces, self._samples = [joined[whole:].copy()], len(joined) - whole
        return list(joined[:whole].astype(np.float32).reshape(-1, WINDOW))

    def forget(self) -> None:
        """Begin anew: the sound was interrupted."""
        self._pieces, self._samples = [], 0
