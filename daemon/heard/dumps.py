"""Keeps the memory of a process that holds a secret to itself: no core dump, no debugger of the same user."""

from __future__ import annotations

import ctypes
import os
import resource

PR_SET_DUMPABLE = 4
"""prctl(2): 0 also gives /proc/PID/environ, mem and the like to root, and keeps ptrace away."""


def forbid() -> None:
    """Let no core dump of this process be written, and no other process of its user read its memory.

    Not inherited: a program that is started afterwards can be dumped as ever, but for the limit.

    Raises:
        OSError: the kernel refuses.
    """
    # The limit alone is not enough: a dump that goes to a program (core_pattern "|…") ignores it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "prctl(PR_SET_DUMPABLE)")
