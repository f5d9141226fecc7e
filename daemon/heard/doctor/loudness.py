"""Core: what some seconds of a microphone say about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heard.doctor.finding import Finding, fault, ok, warning
from heard.meters import FLOOR_DBFS, dbfs
from heard.settings import WORKING_RATE_HZ

FULL_SCALE = 32768
QUIET_PEAK_DBFS = -66.0
"""No sample above this in two seconds: the noise of a microphone in a still room already reads more than
-70 dBFS at a usable gain; speech would be lost in rounding."""
CLIPPED = 32766
"""A sample of this magnitude is at the converter's limit; denoised and resampled ones may fall just short."""
CLIPPED_SHARE = 1e-4
"""A click may touch the limit once; speech that is too loud does so in every vowel."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """Levels of a recording: dBFS of a full-scale sample, shares of its samples."""

    seconds: float
    rms_dbfs: float
    peak_dbfs: float
    zero_share: float
    clipped_share: float


def measure(pcm: bytes) -> Loudness | None:
    """Return the levels of raw s16le mono at the working rate, None without a sample."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.int32)
    if not samples.size:
        return None
    magnitudes = np.abs(samples)
    mean_square = float(np.mean(np.square(samples, dtype=np.float64)))
    return Loudness(
        seconds=samples.size / WORKING_RATE_HZ,
        rms_dbfs=dbfs(mean_square**0.5 / FULL_SCALE),
        peak_dbfs=dbfs(float(magnitudes.max()) / FULL_SCALE),
        zero_share=float(np.mean(magnitudes == 0)),
        clipped_share=float(np.mean(magnitudes >= CLIPPED)),
    )


def level(source: str, found: Loudness, *, monitor: bool) -> list[Finding]:
    """Judge a source's level. `monitor`: it is the sound of an output, which may well be silent."""
    check = f"level {source}"
    heard = f"{found.rms_dbfs:.0f} dBFS, peak {found.peak_dbfs:.0f}, in {found.seconds:.0f} s"
    if found.peak_dbfs <= FLOOR_DBFS:
        silent = f"digital silence: every sample of {found.seconds:.0f} s is zero"
        if monitor:
            return [warning(check, f"{silent}; nothing is being played", "play something and ask again")]
        return [
            fault(
                check,
                f"{silent}: the microphone is muted or switched off, or nothing is plugged in",
                "its switch; pactl set-source-mute @DEFAULT_SOURCE@ 0 (or alsamixer, F4: capture)",
            )
        ]
    if found.clipped_share >= CLIPPED_SHARE:
        return [
            warning(
                check,
                f"{heard}: clipping, {found.clipped_share:.1%} of the samples are at the limit",
                "lower the gain: pactl set-source-volume @DEFAULT_SOURCE@ -6dB (or alsamixer, F4: capture)",
            )
        ]
    if found.peak_dbfs < QUIET_PEAK_DBFS and not monitor:
        return [
            warning(
                check,
                f"{heard}: far too low even for a still room",
                "raise the gain: pactl set-source-volume @DEFAULT_SOURCE@ 100% (or alsamixer, F4: capture)",
            )
        ]
    return [ok(check, heard)]
