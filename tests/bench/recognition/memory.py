"""What one stream of a backend takes of memory: `python -m tests.bench.recognition.memory BACKEND`.

In a process of its own, which prints the bytes: resident memory after 10 s of hiss, less what it was with
nothing but numpy and the registry.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from heard.denoise.allocator import keep_freed_memory
from heard.denoise.registry import Registry
from heard.denoise.stream import Counts, Stream

from ...support.corpus import RATE_HZ

HISS_S = 10
LIMIT_S = 120.0


def memory_bytes(backend: str) -> int:
    """Measure a backend in a child.

    Raises:
        subprocess.SubprocessError: the child failed, or took too long.
    """
    child = subprocess.run(
        (sys.executable, "-m", __name__, backend),
        stdout=subprocess.PIPE,
        timeout=LIMIT_S,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return int(child.stdout)


def measured(backend: str) -> int:
    """Measure a backend in this process, which must have done nothing else yet."""
    keep_freed_memory()  # as the stage does
    pcm = np.rint(1000 * np.random.default_rng(1).standard_normal(HISS_S * RATE_HZ)).astype(np.int16)
    before = _resident_bytes()
    stream = Stream(Registry().get(backend), 1.0, Counts(), 0, pcm[:0])
    for start in range(0, len(pcm), RATE_HZ // 50):
        stream.feed(pcm[start : start + RATE_HZ // 50])
        stream.take()
    return max(0, _resident_bytes() - before)


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    print(measured(sys.argv[1]))  # noqa: T201  # the answer to `memory_bytes`
