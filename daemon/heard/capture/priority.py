"""Real-time priority for capture, where the machine grants it: never late, however busy the machine is.

The kernel grants it by RLIMIT_RTPRIO (LimitRTPRIO= of a unit, limits.conf(5)), or to root.
"""

from __future__ import annotations

import logging
import os
import resource
from contextlib import suppress

log = logging.getLogger(__name__)

PRIORITY = 5
"""Of 1 to 99: above everything ordinary, below the kernel's threads and any sound server's own."""


def raise_priority() -> bool:
    """Put this thread, and those that it starts from now on, under SCHED_FIFO; return whether it was granted.

    Being refused is the ordinary case outside a service; where the limit allows it, it is worth a warning.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except PermissionError as error:
        allowed, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
        level = logging.WARNING if allowed >= PRIORITY else logging.DEBUG
        log.log(level, "no real-time priority: %s (RLIMIT_RTPRIO is %d)", error.strerror, allowed)
        return False
    log.debug("real-time priority %d", PRIORITY)
    return True


def ordinary(pid: int) -> None:
    """Take real-time priority from a child, which has inherited it: what it does first has no hurry."""
    with suppress(ProcessLookupError, PermissionError):
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
