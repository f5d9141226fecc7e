"""Audio that says of each sample which one it is, so that a receiver can tell loss, repetition and order.

Sample 2j is j modulo 32768, sample 2j+1 is -1 - j // 32768: even samples are never negative, odd ones
always are. Any two neighbours give their number back, and zeros that pad a frame are recognised.
"""

import numpy as np
from numpy.typing import NDArray

PADDING = -1
_BASE = 32768


def coded(start: int, count: int) -> bytes:
    """Return samples `start` to `start + count` as s16le."""
    number = np.arange(start, start + count)
    pair = number // 2
    return np.where(number % 2 == 0, pair % _BASE, -1 - pair // _BASE).astype("<i2").tobytes()


def decoded(pcm: bytes) -> NDArray[np.int64]:
    """Return the number of each sample, PADDING for a zero that pads; at least two samples."""
    value = np.frombuffer(pcm, "<i2").astype(np.int64)
    number = np.full(len(value), PADDING, np.int64)
    even = value >= 0
    before = np.flatnonzero(even[:-1] & ~even[1:])
    pair = value[before] - _BASE * (value[before + 1] + 1)
    number[before] = 2 * pair
    number[before + 1] = 2 * pair + 1
    if len(value) > 1 and not even[0]:
        number[0] = number[1] - 1 if number[1] > 0 else PADDING
    # An even sample at the end of a stretch has no odd neighbour behind it.
    for last in np.flatnonzero(even & (number == PADDING)):
        if last > 0 and number[last - 1] != PADDING and value[last] == ((number[last - 1] + 1) // 2) % _BASE:
            number[last] = number[last - 1] + 1
    return number
