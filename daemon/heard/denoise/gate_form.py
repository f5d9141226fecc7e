"""The forms of the streaming gate: sizes, times and weights, and where each comes from.

The algorithm is noisereduce's non-stationary spectral gate, version 3.0.3 (spectralgate/base.py and
nonstationary.py), with the library's default parameters. In a form's names a *frame* is one of its
STFT: Hann, `n_fft` long, a quarter apart, frame i centred on sample i * `hop` of the segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from heard.settings import WORKING_RATE_HZ

TIME_CONSTANT_S = 2.0
THRESHOLD = 3.0
"""A bin this many times its floor passes at one half (`thresh_n_mult_nonstationary` + 1)."""
SLOPE = 10.0
"""Of the sigmoid around the threshold (`sigmoid_slope_nonstationary`)."""
SMOOTH_HZ = 500
"""`freq_mask_smooth_hz`"""
SMOOTH_MS = 50
"""`time_mask_smooth_ms`"""
CHUNKS = 7


@dataclass(frozen=True, slots=True)
class Form:
    """One size of the gate."""

    n_fft: int
    future: int
    """Frames after the one to be masked that are waited for."""
    weights: tuple[float, ...]
    """Of the gains of successive frames in a frame's mask, oldest first; the last is `future` frames on."""
    chunk: int
    """The floor's window reaches back CHUNKS whole chunks of so many frames, and the one begun."""

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return self.n_fft // 4

    @property
    def bins(self) -> int:
        """Of a frame's spectrum."""
        return self.n_fft // 2 + 1

    @property
    def smoothing(self) -> float:
        """Weight of the newest frame in the one-pole smoothing of the floor."""
        frames = TIME_CONSTANT_S * WORKING_RATE_HZ / self.hop
        return (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)

    @property
    def box(self) -> int:
        """Bins over which a mask is averaged, twice: a triangle of 2 * `box` - 1 bins."""
        # The library takes a bin for twice as wide as it is, so that its triangle is half as wide as asked.
        return int(SMOOTH_HZ / (WORKING_RATE_HZ / (self.n_fft / 2))) + 1

    @property
    def delay(self) -> int:
        """Sample n is out once n + delay were fed: the four frames over it, and what their masks wait for."""
        return self.n_fft + self.future * self.hop

    @property
    def context(self) -> int:
        """How many samples before a sample its output depends on, at most."""
        window = (CHUNKS + 1) * self.chunk - 1
        # The frame before the block, and those before it that its mask looks at.
        behind = len(self.weights) - self.future
        return (window + behind) * self.hop + self.n_fft // 2 + self.hop - 1


def triangle(reach: int) -> tuple[float, ...]:
    """Return the weights of the library's smoothing over 2 * reach + 1 frames; they add up to 1."""
    rise = [number / (reach + 1) ** 2 for number in range(1, reach + 1)]
    return (*rise, 1 / (reach + 1), *reversed(rise))


def reach_frames(n_fft: int) -> int:
    """Return how many frames to either side the library smooths a mask over."""
    return int(SMOOTH_MS / (1000 * (n_fft // 4) / WORKING_RATE_HZ))


QUALITY = Form(n_fft=1024, future=3, weights=triangle(reach_frames(1024)), chunk=46)
"""112 ms; the masks' whole smoothing is waited for."""

# Of the six frames that the library looks ahead at 512, two fit. What the other four would say is put on
# those that are known: least squares of the library's masks, power as weight, over every other of 136 mixes
# of the development collection (31 utterances, 12 noises, 0 to 20 dB). They add up to 0.94.
FAST_WEIGHTS = (0.025, 0.043, 0.062, 0.093, 0.107, 0.138, 0.136, 0.108, 0.227)
FAST = Form(n_fft=512, future=2, weights=FAST_WEIGHTS, chunk=92)
"""48 ms."""
