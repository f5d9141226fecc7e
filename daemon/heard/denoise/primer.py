"""Core: gives noisereduce's non-stationary gate the noise floor from before its window.

The gate takes as noise floor, bin by bin, the magnitude smoothed over some 2 s forward and backward, and
starts with what the first frame of its window happens to hold (scipy's `filtfilt`). After 4 s of window that
one frame still weighs e⁻², and a recording cut in mid-sound has energy in it where the sound has none. So
we put a short pulse before the window whose spectrum *is* the floor, measured over the seconds before: one
second of window is then, on the mean, a better match with the whole recording than four.

Frames are those of the gate: Hann, `n_fft` long, a quarter apart, the first one centred on the first sample
and thus half empty.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from heard.denoise.backend import Samples

Magnitudes = npt.NDArray[np.float64]
"""Of a frame's bins, shape (n_fft / 2 + 1,)."""

LEVEL = 0.97
"""The pulse reaches into the frame that follows, which raises the floor a little; found by trial."""
FAINTEST = 1e-5
"""A bin this much below the loudest one is taken to be no fainter."""
WEAKEST = 0.05
"""Least weight of the frame's window that the pulse is corrected for: at its end it goes to 0."""


class Primer:
    """Makes the pulse for frames of `n_fft` and a floor with the time constant `time_constant_s`."""

    def __init__(self, n_fft: int, rate_hz: int, time_constant_s: float) -> None:
        self._n_fft = n_fft
        self._hann = np.hanning(n_fft + 1)[:n_fft]
        # Half overlapping, they tell the mean as well as the gate's own frames, at half the work.
        self._step = n_fft // 2
        frames = time_constant_s * rate_hz / (n_fft // 4)
        # noisereduce 3.0.3, spectralgate/nonstationary.py: coefficient of its one-pole smoothing.
        pole = 1 - (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
        self._fade = pole ** (self._step / (n_fft // 4))
        self.samples = n_fft // 2
        """Length of the pulse: a whole number of the gate's hops."""
        length = n_fft * 7 // 16
        end = np.hanning(length // 2 + 1)[length // 4 + 1 :]
        fading = np.concatenate((np.ones(length - len(end)), end))
        self._shape = LEVEL * fading / np.maximum(self._hann[n_fft // 2 :][:length], WEAKEST)

    def floor(self, before: Samples, *, from_start: bool) -> Magnitudes:
        """Return the noise floor at the end of `before`, which holds at least `n_fft` samples.

        `from_start`: with its first sample the recording began, and so does the library's smoothing: with
        the first frame, half empty, at full weight. Otherwise nothing is known of what was before.
        """
        if from_start:
            before = np.concatenate((np.zeros(self._n_fft // 2, before.dtype), before))
        frames = (len(before) - self._n_fft) // self._step + 1
        skipped = 0 if from_start else len(before) - (frames - 1) * self._step - self._n_fft
        cut = np.lib.stride_tricks.sliding_window_view(before[skipped:], self._n_fft)[:: self._step]
        magnitudes = np.abs(np.fft.rfft(cut * self._hann, axis=1))
        weights = (1 - self._fade) * self._fade ** np.arange(frames - 1, -1, -1.0)
        if from_start:
            weights[0] /= 1 - self._fade
        floor: Magnitudes = weights @ magnitudes / weights.sum()
        return floor

    def pulse(self, floor: Magnitudes) -> Samples:
        """Return `samples` samples whose first frame has the magnitudes `floor`, nearly."""
        whole = _minimum_phase(np.maximum(floor, FAINTEST * floor.max()))
        pulse = np.zeros(self.samples, np.float32)
        pulse[: len(self._shape)] = whole[: len(self._shape)] * self._shape
        return pulse


def _minimum_phase(magnitudes: Magnitudes) -> npt.NDArray[np.float64]:
    """Return the signal that has these magnitudes, all above 0, and its energy as early as can be.

    Early, it keeps its detail although only half a frame sees it, and hardly reaches into the next one. By
    the folded cepstrum (Oppenheim and Schafer, Discrete-Time Signal Processing).
    """
    cepstrum = np.fft.irfft(np.log(magnitudes))
    half = len(cepstrum) // 2
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    signal: npt.NDArray[np.float64] = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)))
    return signal
