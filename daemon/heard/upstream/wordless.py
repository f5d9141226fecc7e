"""Core: whether somebody has been speaking for long without any text coming back.

Speech is told by its voice: a tenth of a second that rises above the room and repeats itself 70 to 400 times
a second. A typing hand does not repeat itself, and an engine does not rise above the room. Who sings, or
plays a flute, does both: what is said is "sounds like speech". Time is counted in samples.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

VERDICT = "speech-without-text"
DETAIL = (
    "sounds like speech for a minute, and no text came: wrong language, wrong channel, or too much noise?"
)

WINDOWS_S = 10
"""Windows a second."""
LONG_S = 60.0
"""So long without text …"""
VOICED_S = 8.0
"""… while so much of it was voiced, which is so of 20 s of speech, is too long."""
LOWEST_HZ, HIGHEST_HZ = 70, 400
REPEATS = 0.6
"""A voiced window resembles itself, one period later, by at least this (normalised autocorrelation)."""
ABOVE_DB = 8.0
"""… and is so much louder than the quiet part of the minute,"""
LEAST_DBFS = -55.0
"""… and than this."""
QUIET = 0.2
"""The quantile of the levels that is the room."""


class Wordless:
    """One source. It is told what is heard while a session is open, and when there was text."""

    def __init__(self, rate_hz: int) -> None:
        self._window = rate_hz // WINDOWS_S
        self._lags = slice(rate_hz // HIGHEST_HZ, rate_hz // LOWEST_HZ)
        self._rest = b""
        windows = round(LONG_S * WINDOWS_S)
        self._levels: deque[float] = deque(maxlen=windows)
        self._voiced: deque[bool] = deque(maxlen=windows)
        self._texts = 0
        self._fresh = False
        """Whether there is a window that `turn` has not judged."""
        self.holds = False
        """Whether there is speech and no text."""

    def forget(self) -> None:
        """Begin anew: no session is open, or what was heard and what is written do not belong together."""
        self._rest = b""
        self._levels.clear()
        self._voiced.clear()
        self.holds = False

    def hear(self, pcm: bytes) -> None:
        """Take s16le samples that go to the service."""
        data = self._rest + pcm
        size = 2 * self._window
        whole = len(data) // size * size
        self._rest = data[whole:]
        for at in range(0, whole, size):
            self._take(np.frombuffer(data, "<i2", self._window, at).astype(np.float32) / np.float32(32768))

    def turn(self, texts: int) -> bool:
        """Say whether the verdict begins or is over; `texts` counts the turns with text, partial too."""
        held = self.holds
        if texts != self._texts:
            self._texts = texts
            self._voiced.clear()
            self.holds = False
        elif not held and self._fresh and len(self._voiced) == self._voiced.maxlen:
            self.holds = self._spoken_s() >= VOICED_S
        self._fresh = False
        return self.holds != held

    def _take(self, window: npt.NDArray[np.float32]) -> None:
        self._fresh = True
        power = float(np.dot(window, window)) / len(window)
        self._levels.append(10 * float(np.log10(power + 1e-12)))
        self._voiced.append(self._levels[-1] >= LEAST_DBFS and self._repeats(window))

    def _repeats(self, window: npt.NDArray[np.float32]) -> bool:
        """Say whether the window repeats itself as a voice does."""
        window = window - window.mean()
        size = 2 * len(window)
        spectrum = np.fft.rfft(window, size)
        alike = np.fft.irfft(spectrum * spectrum.conj(), size)[: len(window)]
        # Fewer samples overlap the longer the lag is.
        overlap = 1 - np.arange(len(window)) / len(window)
        return bool(np.max((alike / overlap)[self._lags]) >= REPEATS * alike[0] > 0)

    def _spoken_s(self) -> float:
        levels = np.array(self._levels)[-len(self._voiced) :]
        loud = levels >= np.quantile(levels, QUIET) + ABOVE_DB
        return float(np.count_nonzero(loud & np.array(self._voiced))) / WINDOWS_S
