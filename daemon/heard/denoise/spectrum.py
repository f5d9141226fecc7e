"""Core: spectra of one source before and after denoising, a column every 50 ms, for whoever watches.

Bands are equally wide on the mel scale, mel(f) = 2595 log10(1 + f / 700 Hz) (O'Shaughnessy, Speech
Communication, 1987), which shows what a voice is made of and what lies below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from heard.denoise.pcm import FULL_SCALE, Pcm
from heard.meters import FLOOR_DBFS
from heard.settings import WORKING_RATE_HZ

BANDS = 64
LOW_HZ, HIGH_HZ = 50.0, WORKING_RATE_HZ / 2
STEP = WORKING_RATE_HZ // 20
"""Samples from one column to the next: 50 ms."""
WINDOW = 1024
"""Samples in a column's window: 64 ms."""
MOST_COLUMNS = 40
"""Columns kept for a caller who does not fetch them, 2 s: the oldest go first."""
STEPS_PER_DB = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One window: when its middle was captured (UTC), and its bands before and after denoising.

    A byte for each of BANDS, the lowest band first: half decibels above -120 dBFS. The powers of all
    bands add up to the mean square of the windowed sound, so a full-scale sine has -3 dBFS in its band.
    """

    time: float
    bands_dbfs: bytes
    denoised_bands_dbfs: bytes


class Spectra:
    """Makes columns of what comes; the stretches before and after denoising are the same."""

    def __init__(self) -> None:
        self._kept = np.zeros((2, 0), np.float32)
        self._columns: list[Column] = []

    def add(self, dry: Pcm, wet: Pcm, end: float) -> None:
        """Take in samples before and after denoising, equally many; `end` is when they end (UTC)."""
        both = np.concatenate((self._kept, np.stack((dry, wet)).astype(np.float32)), axis=1)
        start = 0
        while start + WINDOW <= both.shape[1]:
            behind = both.shape[1] - start - WINDOW // 2
            before, after = bands(both[:, start : start + WINDOW])
            self._columns.append(Column(end - behind / WORKING_RATE_HZ, before.tobytes(), after.tobytes()))
            start += STEP
        del self._columns[:-MOST_COLUMNS]
        self._kept = both[:, start:]

    def cut(self) -> None:
        """Take note that what comes next does not join what came."""
        self._kept = self._kept[:, :0]

    def columns(self) -> list[Column]:
        """Return the columns since the last call."""
        columns, self._columns = self._columns, []
        return columns


def bands(windows: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return the bands of windows of 16-bit samples, shape (windows, WINDOW), as shape (windows, BANDS)."""
    shape, mel = _shape_and_bands()
    spectrum = np.fft.rfft(windows * shape)
    powers = (spectrum.real**2 + spectrum.imag**2) @ mel
    dbfs = 10 * np.log10(np.maximum(powers, 10 ** (FLOOR_DBFS / 10)))
    return np.clip(np.rint(STEPS_PER_DB * (dbfs - FLOOR_DBFS)), 0, 255).astype(np.uint8)


def edges_hz() -> npt.NDArray[np.float64]:
    """Return the limits of the bands, shape (BANDS + 1,)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    limits: npt.NDArray[np.float64] = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    return limits


@cache
def _shape_and_bands() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the window, and of each bin the share that lies in each band, shape (bins, BANDS), scaled."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    width = WORKING_RATE_HZ / WINDOW
    middle = width * np.arange(WINDOW // 2 + 1)[:, None]
    limits = edges_hz()
    overlap = np.minimum(middle + width / 2, limits[1:]) - np.maximum(middle - width / 2, limits[:-1])
    # Parseval: so the squares of the bins add up to the mean square of the samples, full scale 1.0.
    scale = 2 / (WINDOW * float(hann @ hann))
    shares = np.clip(overlap / width, 0, 1) * scale
    return (hann / FULL_SCALE).astype(np.float32), shares.astype(np.float32)
