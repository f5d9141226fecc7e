"""Core: where sound begins in a source's audio, against the noise of the last seconds.

Generous on purpose: a false alarm costs a session, a miss costs a word. The level is that of the band
where voices are strong (300 to 2000 Hz, roughly), so that the rumble of a car or of the mains does not
hide a voice, nor sound like one. It is held against the noise's median, and against its own louder
moments, so that a train that rattles all the time does not open a session each time.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from itertools import pairwise

from heard.wire.audio import BYTES_PER_SAMPLE

DECIMATE = 4
"""So many samples are summed to one: a low pass at 2 kHz, for a quarter of the work."""
FRAME_S = 0.02
STRETCH = 5
"""The level is that of so many frames in a row."""
HISTORY_S = 8.0
"""The noise is known from so much audio."""
LEAST_S = 1.0
"""With less than this, nothing is known yet, and nothing is called sound."""
ABOVE_MEDIAN = 4.0
"""Sound has so many times the median power of the noise (6 dB) …"""
LOUD = 0.95
ABOVE_LOUD = 1.6
"""… and so many times (2 dB) that of the moments louder than so many others."""
QUIETEST = 10.0
"""Least power of noise, in squared steps of 16 bits: dither is no room."""


class Onset:
    """The level of one source; blocks come in order, and may leave holes."""

    def __init__(self, rate_hz: int) -> None:
        self.newest: int | None = None
        """First sample of the newest tenth of a second that is sound."""
        self._frame = round(FRAME_S * rate_hz)
        self._pcm: array[int] = array("h")
        self._sample = 0
        """Number of the first sample in `_pcm`."""
        self._powers: deque[float] = deque(maxlen=STRETCH)
        self._since = 0
        """Frames since the noise was last taken note of."""
        self._noise: deque[float] = deque(maxlen=round(HISTORY_S / FRAME_S / STRETCH))
        self._threshold = math.inf

    def push(self, sample: int, pcm: bytes) -> None:
        """Take the s16le samples from `sample` on."""
        if sample != self._sample + len(self._pcm):
            del self._pcm[:]
            self._powers.clear()
            self._since = 0
            self._sample = sample
        self._pcm.frombytes(pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE])
        done = 0
        while len(self._pcm) - done >= self._frame:
            self._take(_power(self._pcm[done : done + self._frame]))
            done += self._frame
        del self._pcm[:done]

    def _take(self, power: float) -> None:
        self._powers.append(power)
        self._sample += self._frame
        self._since += 1
        if len(self._powers) < STRETCH:
            return
        level = sum(self._powers) / STRETCH
        if level >= self._threshold:
            self.newest = self._sample - STRETCH * self._frame
        if self._since >= STRETCH:
            self._since = 0
            self._noise.append(max(QUIETEST, level))
            self._threshold = self._sound_from()

    def _sound_from(self) -> float:
        """Return the power from which on a level is sound."""
        ordered = sorted(self._noise)
        if len(ordered) < LEAST_S / FRAME_S / STRETCH:
            return math.inf
        median, loud = ordered[len(ordered) // 2], ordered[int(LOUD * len(ordered))]
        return max(ABOVE_MEDIAN * median, ABOVE_LOUD * loud)


def _power(frame: array[int]) -> float:
    """Return a frame's mean power in the band of voices: summed by four, then the neighbours' differences."""
    sums: list[int] = [
        sum(four) for four in zip(*(frame[at::DECIMATE] for at in range(DECIMATE)), strict=False)
    ]
    squares = sum((after - before) * (after - before) for before, after in pairwise(sums))
    return squares / (len(sums) * DECIMATE * DECIMATE)
