"""One heap for all threads, and freed memory given back: what glibc is told before the first thread begins.

By default a thread may get a heap ("arena") of its own. The tensors of a reading are ever other sizes and
leave holes in it that nothing else fits into: the recognizer grew from 130 MiB to 450 in ten minutes of
speech, and stays at 145 with one. A thread that is there before this is called keeps the heap that it has,
and shares it with those that come later: so this comes first.
"""

import ctypes
from contextlib import suppress

# From malloc.h.
_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8

_TRIM_THRESHOLD_BYTES = 1 << 20


def share() -> None:
    """Let all threads allocate from the main heap."""
    with suppress(AttributeError):  # musl has no such function, and no such hoard
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def give_back() -> None:
    """Give back what loading a model has freed, and from now on whatever is freed.

    glibc raises its thresholds with the sizes it sees and then keeps tens of MB; setting one stops that.
    """
    libc = ctypes.CDLL(None)
    with suppress(AttributeError):
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.malloc_trim(0)
