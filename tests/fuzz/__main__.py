"""The first half of `make fuzz`: hostile input, the same for the same seed, with memory measured.

python -m tests.fuzz [--frames 1000000] [--messages 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from .inputs import inputs
from .targets import TARGETS

STUCK_S = 5.0
FLAT = 0.03
FLAT_BYTES = 4 << 20
"""Memory is flat that grew by no more than one of these from a quarter of the run to its end."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block when it takes longer."""

    def late(_number: int, _frame: object) -> None:
        raise TimeoutError(f"stuck: not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def rss_bytes() -> int:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def plain(kind: str, count: int, seed: int) -> bool:
    """Feed `count` inputs; print what happened, and return whether all was well."""
    target, began, early = TARGETS[kind](), time.monotonic(), 0
    for number, data in enumerate(islice(inputs(kind, seed), count)):
        if number == count // 4:
            early = rss_bytes()
        try:
            with limit(STUCK_S):
                target.feed(data)
        except Exception as error:
            print(f"{kind}: input {number} of seed {seed}: {type(error).__name__}: {error}\n  {data!r}")
            raise
    late = rss_bytes()
    flat = late - early <= max(FLAT_BYTES, FLAT * early)
    print(
        f"{kind:8} {count:>9,} inputs in {time.monotonic() - began:.0f} s: 0 crashes, 0 stuck, memory "
        f"{early / (1 << 20):.1f} MiB after a quarter, {late / (1 << 20):.1f} at the end"
        f"{'' if flat else ': NOT FLAT'}",
        flush=True,
    )
    return flat


def main() -> int:
    """Run; return 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000, help="of control and pipes")
    parser.add_argument("--messages", type=int, default=10_000, help="of the service")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats a run")
    options = parser.parse_args()
    # What is odd is said a thousand times over; what matters is raised.
    logging.disable(logging.CRITICAL)
    print(f"seed {options.seed}", flush=True)
    counts = {"control": options.frames // 2, "pipes": options.frames // 2, "service": options.messages}
    return int(not all(plain(kind, count, options.seed) for kind, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
