"""Core: frames of any rate, width and number of channels to int16 mono at the working rate."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import numpy.typing as npt
import soxr

from heard.capture.ring import Samples
from heard.settings import WORKING_RATE_HZ

Frames = npt.NDArray[np.int16] | npt.NDArray[np.float32]
"""Shape (frames, channels), or (frames,) for one channel; int16, or float32 in [-1, 1]."""

FULL_SCALE = 32768
LOUDEST = np.float32(16)
WARM_UP_S = 0.1
"""Input before a resumed place that fills the resampler's filters; twice that below the working rate."""


def frame_of(sample: int, rate_hz: int) -> int:
    """Return the input frame at which sample `sample` of a stretch begins; both count from its start."""
    return sample * rate_hz // WORKING_RATE_HZ


def warm_up(sample: int, rate_hz: int) -> tuple[int, int]:
    """Return the input frame to read from so that sample `sample` comes out as if nothing had stopped.

    The second number is how many samples to discard until then. At the working rate nothing need be
    read twice.
    """
    if rate_hz == WORKING_RATE_HZ:
        return sample, 0
    # A resampler's phase repeats after so many frames; between them the output would differ.
    period = rate_hz // math.gcd(rate_hz, WORKING_RATE_HZ)
    seconds = WARM_UP_S if rate_hz > WORKING_RATE_HZ else 2 * WARM_UP_S
    frame = max(frame_of(sample, rate_hz) - math.ceil(seconds * rate_hz), 0) // period * period
    return frame, sample - frame * WORKING_RATE_HZ // rate_hz


class Converter:
    """Turns the frames of one stretch into samples; pieces of any size give the same samples.

    `channel` counts from 1; 0 mixes all down. The first `discard` samples are left out (`warm_up`).
    """

    def __init__(self, rate_hz: int, channel: int, *, discard: int = 0) -> None:
        self._channel = channel
        self._discard = discard
        self._resampler = None
        if rate_hz != WORKING_RATE_HZ:
            self._resampler = soxr.ResampleStream(rate_hz, WORKING_RATE_HZ, 1, dtype="float32", quality="HQ")
        self.clipped = 0
        """Samples that did not fit 16 bits, and frames that were no number (taken as 0)."""

    def convert(self, frames: Frames) -> Samples:
        """Return the samples that are ready; they lag the frames by up to 40 ms, 120 at 8 kHz."""
        mono = self._one_channel(frames)
        if self._resampler is None:
            return self._left(_as_int16(mono) if mono.dtype == np.int16 else self._to_int16(_as_float(mono)))
        return self._left(self._to_int16(self._resampled(_as_float(mono))))

    def finish(self) -> Samples:
        """Return the samples still held back; the stretch is at its end."""
        if self._resampler is None:
            return np.empty(0, dtype=np.int16)
        return self._left(self._to_int16(self._resampled(np.empty(0, dtype=np.float32), last=True)))

    def _one_channel(self, frames: Frames) -> Frames:
        if self._channel or frames.shape[1] == 1:
            mono: Frames = frames[:, max(self._channel, 1) - 1]
        else:
            mono = _as_float(frames).mean(axis=1, dtype=np.float32)
        if mono.dtype == np.int16:
            return mono
        sound = _as_float(mono)
        finite = np.isfinite(sound)
        if not finite.all():
            self.clipped += int(len(sound) - np.count_nonzero(finite))
            sound = np.where(finite, sound, np.float32(0))
        # What is so far above full scale is clipped anyway; larger yet would overflow in the filters.
        return np.clip(sound, -LOUDEST, LOUDEST)

    def _resampled(self, mono: npt.NDArray[np.float32], *, last: bool = False) -> npt.NDArray[np.float32]:
        assert self._resampler is not None
        return cast("npt.NDArray[np.float32]", self._resampler.resample_chunk(mono, last=last))

    def _to_int16(self, mono: npt.NDArray[np.float32]) -> Samples:
        scaled = np.rint(mono * np.float32(FULL_SCALE))
        fitting = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1)
        self.clipped += int(np.count_nonzero(scaled != fitting))
        return _as_int16(fitting)

    def _left(self, pcm: Samples) -> Samples:
        if not self._discard:
            return pcm
        left = pcm[self._discard :]
        self._discard -= min(self._discard, len(pcm))
        return left


def _as_float(frames: Frames) -> npt.NDArray[np.float32]:
    if frames.dtype == np.float32:
        return cast("npt.NDArray[np.float32]", frames)
    return frames.astype(np.float32) / np.float32(FULL_SCALE)


def _as_int16(values: Frames) -> Samples:
    return values.astype(np.int16, copy=False)
