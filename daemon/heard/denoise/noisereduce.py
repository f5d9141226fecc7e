"""Backend `noisereduce`: the library's non-stationary spectral gate on a sliding window.

The only module that imports it (0.8 s and about 85 MB, nearly all of it SciPy's).
"""

from __future__ import annotations

from collections.abc import Mapping

import noisereduce
import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.primer import Primer
from heard.denoise.window import Shape, SlidingWindow
from heard.settings import WORKING_RATE_HZ

N_FFT = 1024
TIME_CONSTANT_S = 2.0
"""The library's default, given here because the primer has to agree with it."""

SHAPE = Shape(
    hop=1280,
    look_ahead=768,
    past=16000,
    memory=78000,
    grid=N_FFT // 4,
    settle=16000,
)
"""80 ms + 48 ms delay. A sample depends on at most 5.955 s before it, less than a replay's lead-in (6 s)."""


NOISE = 4 * WORKING_RATE_HZ
"""So much of a noise profile is used."""


class Noisereduce:
    """See `heard.denoise.backend.Backend`."""

    delay_samples = SHAPE.delay
    context_samples = SHAPE.context

    def __init__(self) -> None:
        self._primer = Primer(N_FFT, WORKING_RATE_HZ, TIME_CONSTANT_S)
        self._counters = {"silent_windows": 0}

    @property
    def counters(self) -> Mapping[str, int]:
        """`silent_windows`: digital silence, of which the library makes NaN; it is passed on as it is."""
        return self._counters

    def start(self, position: int, context: Samples) -> SlidingWindow:
        """Begin a stream."""
        return SlidingWindow(self.reduce, SHAPE, position, context)

    def with_noise(self, noise: Samples) -> NoisereduceOnProfile:
        """Return the library's stationary gate with `noise` as its noise clip."""
        return NoisereduceOnProfile(noise)

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return `window` as it would be in a long recording, at full strength."""
        if not window.any():
            self._counters["silent_windows"] += 1
            return np.zeros_like(window)
        lead = np.zeros(0, np.float32)
        if len(before) >= N_FFT and before.any():
            floor = self._primer.floor(before, from_start=len(before) < SHAPE.memory)
            # Where all sound lies before the primer's first frame there is no floor, as in silence.
            if floor.any():
                lead = self._primer.pulse(floor)
        # The library drops what is no whole hop and refuses less than one frame.
        given = len(lead) + len(window)
        padded = max(N_FFT, -(-given // SHAPE.grid) * SHAPE.grid)
        reduced = whole(np.concatenate((lead, window, np.zeros(padded - given, np.float32))), padding=0)
        return reduced[len(lead) : given]


class NoisereduceOnProfile:
    """See `heard.denoise.backend.Backend`: the gate with a threshold that stays, from a noise clip."""

    delay_samples = SHAPE.delay
    context_samples = SHAPE.context

    def __init__(self, noise: Samples) -> None:
        # The library looks at all of it again for each window.
        self._noise = noise[:NOISE]

    @property
    def counters(self) -> Mapping[str, int]:
        """Of digital silence this mode makes silence; there is nothing to work around."""
        return {}

    def start(self, position: int, context: Samples) -> SlidingWindow:
        """Begin a stream."""
        return SlidingWindow(self.reduce, SHAPE, position, context)

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return `window` as it would be in a long recording, at full strength."""
        del before
        missing = max(N_FFT, -(-len(window) // SHAPE.grid) * SHAPE.grid) - len(window)
        padded = np.concatenate((window, np.zeros(missing, np.float32)))
        return whole_stationary(padded, self._noise)[: len(window)]


def whole_stationary(recording: Samples, noise: Samples) -> Samples:
    """Call the library's stationary mode on a whole recording, with `noise` alone as its noise clip."""
    reduced: Samples = noisereduce.reduce_noise(
        y=recording,
        sr=WORKING_RATE_HZ,
        stationary=True,
        y_noise=noise,
        n_fft=N_FFT,
        padding=0,
        n_jobs=1,
    )
    return reduced


def whole(recording: Samples, *, padding: int, strength: float = 1.0) -> Samples:
    """Call the library on a whole recording with heard's parameters; NaN for digital silence.

    padding: zeros that the library puts on either side (30,000 by default); they pull its floor to zero.
    strength: share of the noise that is taken, 0 to 1 (`prop_decrease`).
    """
    # Silence in a bin makes 0/0 there; who calls looks at the result.
    with np.errstate(all="ignore"):
        reduced: Samples = noisereduce.reduce_noise(
            y=recording,
            sr=WORKING_RATE_HZ,
            stationary=False,
            n_fft=N_FFT,
            padding=padding,
            time_constant_s=TIME_CONSTANT_S,
            prop_decrease=strength,
            n_jobs=1,
        )
    return reduced
