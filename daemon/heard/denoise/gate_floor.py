"""Core: the noise floor of many streams, frame by frame, from a window of the past that ends.

The library's floor is each bin's magnitude, smoothed forward and then backward in time by the same one-pole
filter (scipy's `filtfilt`). The forward pass needs the past only. A filter that never forgets could not be
rebuilt from a replay's lead-in, so the past is cut off: the floor is made of the sums of the last CHUNKS
whole chunks of frames and of the one begun. Chunks lie on the grid of frame numbers, so any stream that saw
them has the same sums, to the bit. What lay before the window is taken to have been as loud as the mean of
the window.

Where a recording's own start lies in the window, the forward pass begins as the library's does: with the
first frame at the weight of everything that might have been before it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heard.denoise.backend import Samples
from heard.denoise.gate_form import CHUNKS, Form
from heard.denoise.gate_rows import Bins, Numbers, Rows, grown, row_bytes

SHARE_OF_MEAN = 0.3
"""Weight of the window's mean in the guess at the backward pass.

That pass, at the newest frame, is half what the forward pass has and half what will come: if the coming two
seconds have the mean m and the forward pass stands at y, it will be (y + m) / 2. The best m lies between y
and the mean of all that the window holds; 0.4 y + 0.6 of that mean did well on the development collection.
"""

NEVER = np.iinfo(np.int64).min


class Floors:
    """The floor's state for rows, one a stream; see `heard.denoise.gate_bank.Bank`."""

    def __init__(self, form: Form) -> None:
        self._form = form
        smoothing = form.smoothing
        self._whole = 1 / smoothing
        """What the forward pass's weights add up to."""
        fade = np.array([1 - smoothing, 1.0])
        # Kind (fading as the forward pass does, or not at all) by bin; the last column adds up the weights.
        self._fade = fade[:, None].astype(np.float32)
        self._chunk_fades = (fade ** (form.chunk * np.arange(CHUNKS))[:, None]).astype(np.float32)[:, :, None]
        self._age_fades = (fade ** np.arange(1, form.chunk + 1)[:, None]).astype(np.float32)[:, :, None]
        sums = (0, 2, form.bins + 1)
        self._begun: npt.NDArray[np.float32] = np.zeros(sums, np.float32)
        self._older: npt.NDArray[np.float32] = np.zeros(sums, np.float32)
        """Of the whole chunks, as they weigh when the begun one begins."""
        self._chunks: npt.NDArray[np.float32] = np.zeros((0, CHUNKS, *sums[1:]), np.float32)
        self._start: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    @property
    def row_bytes(self) -> int:
        """Memory that a row takes."""
        return sum(map(row_bytes, (self._begun, self._older, self._chunks))) + row_bytes(self._start)

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` rows."""
        self._begun = grown(self._begun, capacity)
        self._older = grown(self._older, capacity)
        self._chunks = grown(self._chunks, capacity)
        self._start = grown(self._start, capacity)

    def reset(self, row: int, start: int | None) -> None:
        """Forget a row; `start`: number of the frame with which its recording begins, if that is known."""
        for sums in (self._begun, self._older, self._chunks):
            sums[row] = 0
        self._start[row] = NEVER if start is None else start

    def add(self, rows: Rows, numbers: Numbers, magnitudes: Bins) -> tuple[Bins, Bins]:
        """Take in each row's next frame; return the forward pass there, and the guess at the whole floor.

        `numbers` are the frames', `magnitudes` theirs, shape (rows, bins), as are both results.
        """
        bins = self._form.bins
        age = numbers % self._form.chunk
        if (age == 0).any():
            self._turn(rows[age == 0], numbers[age == 0] // self._form.chunk)
        begun = self._begun[rows]
        begun *= self._fade
        begun[:, :, :bins] += magnitudes[:, None]
        begun[:, :, bins] += 1
        first = numbers == self._start[rows]
        if first.any():
            begun[first, 0] *= np.float32(self._whole)
        self._begun[rows] = begun
        begun += self._older[rows] * self._age_fades[age]
        mean = begun[:, 1, :bins] / begun[:, 1, bins:]
        unknown = np.maximum(np.float32(self._whole) - begun[:, 0, bins:], 0)
        forward = begun[:, 0, :bins] + unknown * mean
        forward *= np.float32(1 / self._whole)
        mean -= forward
        mean *= np.float32(SHARE_OF_MEAN)
        mean += forward
        return forward, mean

    def _turn(self, rows: Rows, chunks: Numbers) -> None:
        """Begin the chunks of these numbers."""
        self._chunks[rows, (chunks - 1) % CHUNKS] = self._begun[rows]
        self._begun[rows] = 0
        older = np.zeros_like(self._older[rows])
        for back in range(CHUNKS):
            older += self._chunk_fades[back] * self._chunks[rows, (chunks - 1 - back) % CHUNKS]
        self._older[rows] = older


def mean_magnitudes(samples: Samples, window: Samples) -> Samples:
    """Return the mean magnitude of each bin over the frames of `samples`, a quarter of `window` apart.

    What the floor settles on where there is nothing but that noise. At least one frame must fit.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window))[:: len(window) // 4]
    means: Samples = np.abs(np.fft.rfft(frames * window)).mean(axis=0).astype(np.float32)
    return means
