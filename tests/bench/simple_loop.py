"""The obvious loop, as a baseline: collect half a second, denoise the block alone, pass it on.

It is what one writes first, with the library's defaults: each block knows nothing of the one before, the last
partial block is never full, and nothing keeps the result from wrapping around.
"""

from __future__ import annotations

import time

import noisereduce
import numpy as np
import numpy.typing as npt

BLOCK_S = 0.5

Pcm = npt.NDArray[np.int16]


def denoise_block(pcm: Pcm, rate_hz: int) -> Pcm:
    """Return one block as the loop makes it, equally long."""
    with np.errstate(all="ignore"):
        reduced = noisereduce.reduce_noise(y=pcm.astype(np.float32) / 32768, sr=rate_hz)
        return np.asarray((reduced * 32768).astype(np.int16))


def simple_loop(pcm: Pcm, rate_hz: int) -> tuple[Pcm, list[float]]:
    """Return the loop's output for a whole recording, and the seconds of computing that each block took."""
    block = int(BLOCK_S * rate_hz)
    out: list[Pcm] = []
    compute_s: list[float] = []
    for start in range(0, len(pcm) - block + 1, block):
        began = time.perf_counter()
        out.append(denoise_block(pcm[start : start + block], rate_hz))
        compute_s.append(time.perf_counter() - began)
    return (np.concatenate(out) if out else pcm[:0]), compute_s
