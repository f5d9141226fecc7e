"""Core: what denoising does to a source, measured: levels, signal-to-noise ratio, reduction, cost."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heard.denoise.pcm import FULL_SCALE, Pcm
from heard.denoise.snr import FRAME, SILENT, estimate_db, powers_of, quiet
from heard.meters import dbfs

REDUCTION_FRAMES = 400
"""8 s: how far back the noise that was lowered is looked for."""

Powers = npt.NDArray[np.float64]
"""Shape (frames, 2): before and after."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Of the samples since the last time: dBFS, before and after denoising."""

    rms_dbfs: float
    peak_dbfs: float
    denoised_rms_dbfs: float
    denoised_peak_dbfs: float


class Meter:
    """Measures one source, sample by sample the same stretch before and after."""

    def __init__(self) -> None:
        self._samples = 0
        self._energy = (0.0, 0.0)
        self._peak = (0.0, 0.0)
        self._rest = (np.zeros(0, np.float64), np.zeros(0, np.float64))
        self._frames: deque[tuple[float, float]] = deque(maxlen=REDUCTION_FRAMES)

    def add(self, dry: Pcm, wet: Pcm) -> None:
        """Take in samples before and after denoising, equally many."""
        if not len(dry):
            return
        before, after = dry / FULL_SCALE, wet / FULL_SCALE
        self._samples += len(dry)
        self._energy = (self._energy[0] + float(before @ before), self._energy[1] + float(after @ after))
        self._peak = (
            max(self._peak[0], float(np.abs(before).max())),
            max(self._peak[1], float(np.abs(after).max())),
        )
        self._rest = (np.concatenate((self._rest[0], before)), np.concatenate((self._rest[1], after)))
        whole = len(self._rest[0]) // FRAME * FRAME
        powers = [powers_of(rest) for rest in self._rest]
        self._frames.extend(zip(powers[0].tolist(), powers[1].tolist(), strict=True))
        self._rest = (self._rest[0][whole:], self._rest[1][whole:])

    def levels(self) -> Levels | None:
        """Return the levels since the last call, None where nothing came."""
        if not self._samples:
            return None
        rms = [math.sqrt(energy / self._samples) for energy in self._energy]
        levels = Levels(dbfs(rms[0]), dbfs(self._peak[0]), dbfs(rms[1]), dbfs(self._peak[1]))
        self._samples, self._energy, self._peak = 0, (0.0, 0.0), (0.0, 0.0)
        return levels

    def snr_db(self) -> float | None:
        """Return the estimated ratio of speech to noise, None where `heard.denoise.snr` knows none."""
        ratio_db = estimate_db(self._powers()[:, 0])
        return None if ratio_db is None else round(ratio_db, 1)

    def reduction_db(self) -> float:
        """Return by how much the frames that are noise were lowered over the last 8 s; at least 0."""
        powers = self._powers()
        if not len(powers):
            return 0.0
        before, after = powers[quiet(powers[:, 0])].mean(axis=0)
        if before < SILENT:
            return 0.0
        return round(max(0.0, 10 * math.log10(before / max(after, SILENT))), 1)

    def forget(self) -> None:
        """Forget all frames: another backend or mix is at work."""
        self._frames.clear()

    def _powers(self) -> Powers:
        """Return the frames' powers, shape (frames, 2): before and after."""
        return np.array(self._frames, np.float64).reshape(-1, 2)


class Cost:
    """Real-time factor: seconds of computing per second of audio, over the last 10 s or so of audio."""

    MEMORY_S = 10.0

    def __init__(self) -> None:
        self._compute_s = 0.0
        self._audio_s = 0.0

    def add(self, compute_s: float, audio_s: float) -> None:
        """Take in what some audio cost; either may be 0."""
        keep = math.exp(-audio_s / self.MEMORY_S)
        self._compute_s = self._compute_s * keep + compute_s
        self._audio_s = self._audio_s * keep + audio_s

    @property
    def rtf(self) -> float:
        """The factor, 0 before the first audio."""
        return round(self._compute_s / self._audio_s, 4) if self._audio_s else 0.0
