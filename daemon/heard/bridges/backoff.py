"""Core: how long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator


def delays(first_s: float, most_s: float, dice: Callable[[], float] = random.random) -> Iterator[float]:
    """Yield delays in seconds, each up to twice the one before, for ever.

    dice: returns a number in [0, 1); half of each delay is left to chance, so that many who lost the same
    far side do not all come back in the same moment.
    """
    delay = first_s
    while True:
        yield delay * (0.5 + 0.5 * dice())
        delay = min(most_s, delay * 2)
