"""Core: 16-bit samples to floating point and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heard.denoise.backend import Samples

Pcm = npt.NDArray[np.int16]
"""Mono at the working rate, shape (samples,)."""

FULL_SCALE = 32768.0


def to_float(pcm: Pcm) -> Samples:
    """Return the samples in [-1, 1); exact, `to_pcm` gives the same numbers back."""
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)


def to_pcm(samples: Samples) -> tuple[Pcm, int]:
    """Return the samples rounded to 16 bits, and how many had to be clipped; they must be finite."""
    scaled = np.rint(samples * np.float32(FULL_SCALE))
    clipped = np.clip(scaled, -32768, 32767)
    return clipped.astype(np.int16), int(np.count_nonzero(clipped != scaled))
