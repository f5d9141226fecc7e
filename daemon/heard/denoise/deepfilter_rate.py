"""Core: the working rate to three times as much, at which DeepFilterNet works, and back.

A linear-phase low-pass on stretches of fixed size: what comes out depends on the samples around it alone, so
a stream may begin anywhere, and a sample stays where it was. soxr's stream holds up to 1074 samples for the
way there and back at its quality HQ (measured), this one 96.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heard.denoise.backend import Samples
from heard.settings import WORKING_RATE_HZ

FACTOR = 3
RATE_HZ = FACTOR * WORKING_RATE_HZ
REACH = 48
"""How many samples at the working rate on either side a sample depends on: 3 ms."""
BETA = 8.0
"""Of the Kaiser window: 80 dB."""
CUTOFF_HZ = 7580.0
"""Half the amplitude is left here; all of it up to 7.1 kHz and nothing from 8 kHz on, where images begin."""


def low_pass() -> npt.NDArray[np.float64]:
    """Return the filter at the higher rate, shape (2 * FACTOR * REACH + 1,), of gain 1."""
    place = np.arange(-FACTOR * REACH, FACTOR * REACH + 1)
    share = 2 * CUTOFF_HZ / RATE_HZ
    taps: npt.NDArray[np.float64] = np.sinc(share * place) * np.kaiser(len(place), BETA)
    taps /= taps.sum()
    return taps


def _by_phase(taps: npt.NDArray[np.float64]) -> Samples:
    """Return what each of 2 * REACH + 1 samples adds to the FACTOR samples made of the middle one."""
    # One tap for every distance: the farthest sample ahead meets the filter's beginning.
    whole = np.pad(taps, (0, FACTOR - 1)).reshape(2 * REACH + 1, FACTOR)
    return (FACTOR * whole[::-1]).astype(np.float32)


_RAISING = _by_phase(low_pass())
_LOWERING: Samples = low_pass().astype(np.float32)


def raised(samples: Samples) -> Samples:
    """Return FACTOR times as many samples as lie REACH or more within `samples`, at the higher rate.

    The first one is in the place of sample REACH.
    """
    around = np.lib.stride_tricks.sliding_window_view(samples, 2 * REACH + 1)
    made: Samples = (around @ _RAISING).reshape(-1)
    return made


def lowered(samples: Samples) -> Samples:
    """Return every FACTORth of the samples that lie FACTOR * REACH or more within `samples`.

    The first one is in the place of sample FACTOR * REACH.
    """
    around = np.lib.stride_tricks.sliding_window_view(samples, len(_LOWERING))[::FACTOR]
    made: Samples = around @ _LOWERING
    return made
