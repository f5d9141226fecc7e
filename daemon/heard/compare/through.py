"""A recording through the denoise stage's own stream."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from heard.denoise.backend import Backend
from heard.denoise.pcm import Pcm
from heard.denoise.stream import Counts, Stream
from heard.settings import WORKING_RATE_HZ

BLOCK = WORKING_RATE_HZ // 50
"""20 ms, as capture hands them over."""


class BackendFailedError(Exception):
    """A backend threw, so that its stream went on without it; the text says what."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """What came out, sample by sample what went in, and the CPU time that it took."""

    pcm: Pcm
    compute_s: float


def denoised(pcm: Pcm, backend: Backend, mix: float) -> Denoised:
    """Run a recording through a backend as the stage would, from a cold start.

    Raises:
        BackendFailedError: it threw.
    """
    began = time.process_time()
    counts = Counts()
    stream = Stream(backend, mix, counts, 0, pcm[:0])
    out = []
    for start in range(0, len(pcm), BLOCK):
        stream.feed(pcm[start : start + BLOCK])
        out.append(stream.take().pcm)
    out.append(stream.finish().pcm)
    if counts.backend_failures:
        raise BackendFailedError(stream.failure or "it failed")
    return Denoised(np.concatenate(out), time.process_time() - began)
