"""Core: what can be said of sound without words: by how much noise was lowered, and how it looks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from heard.denoise.pcm import FULL_SCALE, Pcm
from heard.settings import WORKING_RATE_HZ

FRAME = WORKING_RATE_HZ // 50
"""20 ms."""
QUIET_SHARE = 0.2
"""The frame louder than this share of a recording marks its floor …"""
QUIET_WITHIN = 4.0
"""… and frames of at most so many times its power (6 dB) are noise."""
SILENT = (1 / FULL_SCALE) ** 2 / 12
"""Power below which a frame holds nothing but rounding."""

N_FFT = 512
HOP = 160
FLOOR_DB, CEILING_DB = -60.0, 10.0
"""Of a bin's magnitude: what is drawn as silence, and what as loudest."""
CHUNK = 4096
"""Frames that are transformed at once."""

Shades = npt.NDArray[np.float32]
"""A spectrogram, shape (rows, columns): 0 silent … 1 loudest; the first row is the highest."""


def lowered_db(dry: Pcm, wet: Pcm) -> float | None:
    """Return by how much the frames that are noise were lowered; None without any or in digital silence.

    The same rule as the daemon's `reduction_db`, over the whole recording: frames within 6 dB of the 20th
    percentile are noise. `dry` and `wet` are equally long, sample by sample the same moment.
    """
    whole = len(dry) // FRAME * FRAME
    if not whole:
        return None
    before, after = (_powers(pcm[:whole]) for pcm in (dry, wet))
    floor = np.sort(before)[int(QUIET_SHARE * len(before))]
    quiet = before <= QUIET_WITHIN * floor
    noise, left = float(before[quiet].mean()), float(after[quiet].mean())
    if noise < SILENT:
        return None
    return 10 * math.log10(noise / max(left, SILENT))


def spectrogram(pcm: Pcm, rows: int, columns: int) -> Shades:
    """Return how loud each frequency (linear, 0 to 8 kHz) is at each moment.

    Hann windows of 32 ms every 10 ms, their power averaged within each cell; audio too short for a window
    is filled up with silence. Equal scales for every recording, so that two can be compared.
    """
    padded = np.pad(pcm, (0, max(0, N_FFT - len(pcm))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:N_FFT]
    columns = min(columns, len(frames))
    column_of = np.arange(len(frames)) * columns // len(frames)
    row_of = np.minimum(np.arange(N_FFT // 2) * rows // (N_FFT // 2), rows - 1)
    power = np.zeros((columns, rows))
    for start in range(0, len(frames), CHUNK):
        spectra = np.fft.rfft(frames[start : start + CHUNK] / FULL_SCALE * window, axis=1)
        bins = np.abs(spectra[:, : N_FFT // 2]) ** 2
        by_row = np.stack([bins[:, row_of == row].mean(axis=1) for row in range(rows)], axis=1)
        np.add.at(power, column_of[start : start + CHUNK], by_row)
    power /= np.bincount(column_of, minlength=columns)[:, np.newaxis]
    level_db = 10 * np.log10(np.maximum(power, 1e-12))
    shades = np.clip((level_db - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0, 1)
    return np.ascontiguousarray(shades.T[::-1], np.float32)


def smaller(shades: Shades, rows: int, columns: int) -> Shades:
    """Return the means of `rows` by `columns` cells, or of as many as there are."""
    sums = shades
    for axis, wanted in ((0, rows), (1, columns)):
        count = shades.shape[axis]
        edges = np.arange(min(wanted, count)) * count // min(wanted, count)
        sums = np.add.reduceat(sums, edges, axis=axis)
        lengths = np.diff(np.append(edges, count)).astype(np.float32)
        sums /= np.expand_dims(lengths, 1 - axis)
    return sums


def _powers(pcm: Pcm) -> npt.NDArray[np.float64]:
    frames = (pcm / FULL_SCALE).reshape(-1, FRAME)
    return np.asarray(np.mean(frames**2, axis=1), np.float64)
