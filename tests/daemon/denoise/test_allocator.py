"""Freed memory stays with the process."""

import sys

from ...support.processes import run

FAULTS = """
import resource, sys
import numpy as np
from heard.denoise.allocator import keep_freed_memory
kept = keep_freed_memory()
for _ in range(3):
    np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(1 << 20)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_arrays_that_come_and_go_cost_no_page_faults() -> None:
    """20 arrays of 8 MiB are 40,960 pages; where the C library is not glibc, it says so."""
    done = run([sys.executable, "-c", FAULTS], limit_s=100)
    kept, faults = done.stdout.split()
    assert kept in {"True", "False"}
    if kept == "True":
        assert int(faults) < 1000
