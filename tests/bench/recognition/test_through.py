"""A recording through a setting: what is measured is what the stage would send."""

from __future__ import annotations

import numpy as np

from heard.compare.grid import OFF, Setting
from heard.denoise.registry import Registry

from .mixes import LOOP, RATE_HZ
from .through import denoised


def test_every_result_is_as_long_as_the_recording() -> None:
    """The loop drops its last partial block, which is silence here; off changes nothing."""
    samples = 3000 * np.random.default_rng(1).standard_normal(round(1.7 * RATE_HZ) + 11)
    pcm = np.rint(samples).astype(np.int16)
    loop = Setting(LOOP, 1.0)
    found = denoised(pcm, [OFF, loop], Registry())
    assert np.array_equal(found[OFF].pcm, pcm)
    assert len(found[loop].pcm) == len(pcm)
    assert not found[loop].pcm[-(len(pcm) % (RATE_HZ // 2)) :].any()
