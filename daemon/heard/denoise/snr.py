"""Core: the ratio of speech to noise, estimated from the powers of 20 ms frames.

Noise is the mean power of the frames in which nobody speaks, speech that of the loudest ones less the noise.
Mixed at 0 to 10 dB it reads 2 dB high on the median, at 20 dB right, clean speech nearly always as 16 dB and
more; bangs such as typing, with quiet between them, it takes for speech (docs/denoise.md has the figures).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from heard.denoise.pcm import FULL_SCALE
from heard.settings import WORKING_RATE_HZ

FRAME = WORKING_RATE_HZ // 50
"""20 ms."""
SPEECH_FRAMES = 125
"""2.5 s: how far back speech is looked for."""
LOUD_SHARE = 0.3
"""The loudest frames, by this share, are taken for speech."""
NOISE_FRAMES = 240
"""4.8 s: how far back noise is looked for. 8 s read no better, and a replay's lead-in has to hold it."""
QUIET_SHARE = 0.2
"""The frame louder than this share of them marks the floor …"""
QUIET_WITHIN = 4.0
"""… and frames of at most so many times its power are noise."""
SILENT = (1 / FULL_SCALE) ** 2 / 12
"""Power below which a frame holds nothing but rounding."""
LEAST_DB = -10.0

Powers = npt.NDArray[np.float64]
"""Mean squares of successive frames, full scale 1.0, shape (frames,)."""


def powers_of(samples: npt.NDArray[np.float64]) -> Powers:
    """Return the power of each whole frame of `samples`."""
    whole = len(samples) // FRAME * FRAME
    powers: Powers = np.mean(samples[:whole].reshape(-1, FRAME) ** 2, axis=1)
    return powers


def estimate_db(powers: Powers) -> float | None:
    """Return the ratio at the last of `powers`, at least LEAST_DB; None with less than 2.5 s, or in silence.

    Of `powers` the newest NOISE_FRAMES count. Where nobody speaks it says how uneven the noise is.
    """
    if len(powers) < SPEECH_FRAMES:
        return None
    powers = powers[-NOISE_FRAMES:]
    noise = float(powers[quiet(powers)].mean())
    if noise < SILENT:
        return None
    recent = np.sort(powers[-SPEECH_FRAMES:])
    speech = float(recent[-round(LOUD_SHARE * SPEECH_FRAMES) :].mean()) - noise
    if speech <= 0:
        return LEAST_DB
    return max(LEAST_DB, 10 * math.log10(speech / noise))


def quiet(powers: Powers) -> npt.NDArray[np.bool_]:
    """Say of each frame whether it is taken for noise; at least one is."""
    place = int(QUIET_SHARE * len(powers))
    chosen: npt.NDArray[np.bool_] = powers <= QUIET_WITHIN * float(np.partition(powers, place)[place])
    return chosen
