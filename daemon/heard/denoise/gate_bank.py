"""Core: the gate's STFT state for many streams, and its arithmetic for all of them at once.

A stream has a row in every array. What comes out of a row depends on that row alone, to the bit: only
element-wise operations and sums over short axes are used, never a matrix product, whose rounding depends on
its size.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heard.denoise.backend import Samples
from heard.denoise.gate_floor import Floors
from heard.denoise.gate_form import SLOPE, THRESHOLD, Form
from heard.denoise.gate_rows import Bins, Numbers, Rows, box_sums, grown, row_bytes

FAINTEST = np.float32(1e-12)
"""A floor is taken to be no lower: a silent bin over a silent floor is then 0 and not NaN."""


def hann(n_fft: int) -> Samples:
    """Return the window of analysis and synthesis; its squares, a quarter apart, add up to 1.5."""
    return np.hanning(n_fft + 1)[:n_fft].astype(np.float32)


class Bank:
    """Frames of samples in, masked blocks out.

    For a row, frames come in the order of their numbers: `listen` to each, and then `speak` from the first
    one wanted on.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self.hann = hann(form.n_fft)
        self._synthesis = self.hann / np.float32(1.5)
        self._weights = np.array(form.weights, np.float32)[:, None, None] / np.float32(form.box**2)
        """Of the gains, the division of the two box sums included."""
        self._floors = Floors(form)
        kept = len(form.weights)
        # Rings: frame i at place i modulo their length.
        self._magnitudes: npt.NDArray[np.float32] = np.zeros((0, kept, form.bins), np.float32)
        self._forward: npt.NDArray[np.float32] = np.zeros((0, kept, form.bins), np.float32)
        self._spectra: npt.NDArray[np.complex64] = np.zeros((0, form.future + 1, form.bins), np.complex64)
        self._newest: npt.NDArray[np.float32] = np.zeros((0, form.bins), np.float32)
        """The guess at the whole floor at the newest frame."""
        self._overlap: npt.NDArray[np.float32] = np.zeros((0, form.n_fft), np.float32)
        self._given: npt.NDArray[np.float32] = np.zeros((0, form.bins), np.float32)
        """Floors that stay, 0 in the rows that track theirs."""
        self._free: list[int] = []

    @property
    def capacity(self) -> int:
        """Rows that there is room for."""
        return len(self._newest)

    @property
    def in_use(self) -> int:
        """Rows that are claimed."""
        return self.capacity - len(self._free)

    @property
    def row_bytes(self) -> int:
        """Memory that a stream's state takes."""
        own = (self._magnitudes, self._forward, self._newest, self._overlap, self._given)
        return self._floors.row_bytes + sum(map(row_bytes, own)) + row_bytes(self._spectra)

    def claim(self, start: int | None, floor: Samples | None = None) -> int:
        """Return a row without a past; `start` as in `Floors.reset`.

        `floor`: the noise's magnitudes, shape (bins,), where they are not to be tracked.
        """
        if not self._free:
            self._grow(max(1, 2 * self.capacity))
        row = self._free.pop()
        self._floors.reset(row, start)
        for state in (self._magnitudes, self._forward, self._newest, self._overlap):
            state[row] = 0
        self._spectra[row] = 0
        self._given[row] = 0 if floor is None else np.maximum(floor, FAINTEST)
        return row

    def release(self, row: int) -> None:
        """Let the row go to another stream."""
        self._free.append(row)

    def listen(self, rows: Rows, numbers: Numbers, frames: Samples) -> None:
        """Take in the next frame of each row, shape (rows, n_fft)."""
        spectra = np.fft.rfft(frames * self.hann).astype(np.complex64, copy=False)
        magnitudes = np.abs(spectra)
        forward, newest = self._floors.add(rows, numbers, magnitudes)
        place = numbers % len(self._weights)
        self._magnitudes[rows, place] = magnitudes
        self._forward[rows, place] = forward
        self._newest[rows] = newest
        self._spectra[rows, numbers % (self.form.future + 1)] = spectra

    def hold(self, rows: Rows, numbers: Numbers) -> None:
        """Let time pass without a frame: the recordings have ended, the backward pass begins here."""
        place = numbers % len(self._weights)
        last = self._forward[rows, (numbers - 1) % len(self._weights)]
        self._magnitudes[rows, place] = 0
        self._forward[rows, place] = last
        self._newest[rows] = last
        self._spectra[rows, numbers % (self.form.future + 1)] = 0

    def speak(self, rows: Rows, numbers: Numbers) -> Samples:
        """Mask the frames `future` before `numbers`, the newest ones; return what is then complete.

        Shape (rows, hop): the first quarter of the masked frame's span. It lacks what frames that were never
        masked would have added.
        """
        spectra = self._spectra[rows, (numbers - self.form.future) % (self.form.future + 1)]
        spectra *= self._masks(rows, numbers)
        samples = np.fft.irfft(spectra, self.form.n_fft).astype(np.float32, copy=False)
        samples *= self._synthesis
        hop = self.form.hop
        samples[:, :-hop] += self._overlap[rows, hop:]
        self._overlap[rows] = samples
        return samples[:, :hop]

    def _masks(self, rows: Rows, numbers: Numbers) -> Bins:
        """Return the masks of the frames `future` before `numbers`, shape (rows, bins)."""
        # Frames first, the oldest before the others: each is then in one piece.
        places = (numbers + np.arange(1, len(self._weights) + 1)[:, None]) % len(self._weights)
        magnitudes = self._magnitudes[rows, places]
        floors = self._forward[rows, places]
        # The backward pass as far as it is known, from the guess at the newest frame: z = s y + (1 - s) z.
        smoothing = np.float32(self.form.smoothing)
        floors *= smoothing
        floors[-1] = self._newest[rows]
        for frame in range(len(floors) - 2, -1, -1):
            floors[frame] += (1 - smoothing) * floors[frame + 1]
        np.maximum(floors, FAINTEST, out=floors)
        given = self._given[rows]
        stay = given[:, 0] > 0
        if stay.any():
            floors[:, stay] = given[stay]
        # Sigmoid of how far a bin stands above its floor.
        gains = np.divide(magnitudes, floors, out=magnitudes)
        gains *= np.float32(-SLOPE)
        gains += np.float32(SLOPE * THRESHOLD)
        np.exp(gains, out=gains)
        gains += 1
        np.divide(self._weights, gains, out=gains)
        # Outside of the spectrum the library's smoothing finds zeros.
        edge = self.form.box - 1
        padded = np.zeros((len(rows), self.form.bins + 2 * edge), np.float32)
        padded[:, edge:-edge] = gains.sum(axis=0)
        return box_sums(box_sums(padded, self.form.box), self.form.box)

    def _grow(self, capacity: int) -> None:
        self._free.extend(range(capacity - 1, self.capacity - 1, -1))
        self._floors.grow(capacity)
        self._magnitudes = grown(self._magnitudes, capacity)
        self._forward = grown(self._forward, capacity)
        self._spectra = grown(self._spectra, capacity)
        self._newest = grown(self._newest, capacity)
        self._overlap = grown(self._overlap, capacity)
        self._given = grown(self._given, capacity)
