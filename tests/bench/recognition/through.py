"""A recording through every setting: as `heard compare` runs it, or through the obvious loop."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from heard.compare.grid import Setting
from heard.compare.through import Denoised, Through
from heard.denoise.pcm import Pcm
from heard.denoise.registry import Registry

from ..simple_loop import BLOCK_S, simple_loop
from .mixes import LOOP, RATE_HZ

LOOP_DELAY_MS = 1000 * BLOCK_S


def denoised(pcm: Pcm, settings: Sequence[Setting], registry: Registry) -> dict[Setting, Denoised]:
    """Run a recording through each setting, in blocks of 20 ms, 16-bit samples in and out.

    Raises:
        BackendFailedError: one threw.
        BackendError: one cannot be had.
    """
    through = Through(pcm, registry)
    return {each: _looped(pcm) if each.backend == LOOP else through.denoised(each) for each in settings}


def _looped(pcm: Pcm) -> Denoised:
    began = time.process_time()
    out, _ = simple_loop(pcm, RATE_HZ)
    spent_s = time.process_time() - began
    return Denoised(np.pad(out, (0, len(pcm) - len(out))), spent_s)
