"""Freed memory is kept for the next window."""

from __future__ import annotations

import ctypes

# malloc.h, glibc.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
KEPT_BYTES = 32 << 20


def keep_freed_memory() -> bool:
    """Tell the C library not to hand freed memory back to the kernel; return whether it can be told.

    A window needs some megabytes of temporary arrays, 12 times a second. By default glibc returns them
    at once and gets them anew, zeroed page by page: a quarter of the denoiser's CPU time. Other C
    libraries do as they do.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, KEPT_BYTES) for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
