"""One heap for all threads, and freed memory given back: what glibc is told before the first thread begins.

By default a thread may get a heap ("arena") of its own, and glibc raises the size from which on a block is
mapped for itself to that of the largest which was freed: loading a model takes it to 32 MiB. So the tensors
of a reading, ever other sizes of them, lay in a heap and left holes that nothing else fitted into: the
recognizer grew from 130 MiB to 450 in ten minutes of speech. With one heap for all and a fixed size it
stays near 140 (`make soak HOURS=1`). A thread that is there before this is called keeps the heap that it has,
and shares it with those that come later: so this comes first.
"""

import ctypes
from contextlib import suppress

# From malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_TRIM_THRESHOLD_BYTES = 1 << 20
_MMAP_THRESHOLD_BYTES = 1 << 18
"""Above what a step of the decoder gives (128 KiB), which is not worth a mapping 300 times a second."""


def share() -> None:
    """Let all threads allocate from the main heap, and what is large be mapped for itself."""
    with suppress(AttributeError):  # musl has no such function, and no such hoard
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)


def give_back() -> None:
    """Give back what loading a model has freed, and from now on whatever is freed.

    glibc raises its thresholds with the sizes it sees and then keeps tens of MB; setting one stops that.
    """
    libc = ctypes.CDLL(None)
    with suppress(AttributeError):
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.malloc_trim(0)
