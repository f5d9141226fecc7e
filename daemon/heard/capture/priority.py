"""Shell: real-time priority for capture, where the machine grants it: never late, however busy that is.

The kernel grants it by RLIMIT_RTPRIO (LimitRTPRIO= of a unit, limits.conf(5)), or to root.

A real-time thread that spins would take a core for itself, and a machine that has but one. So threads take
turns (SCHED_RR): ALSA's plug-in for PulseAudio polls without a pause until another thread of its own has
had its turn. And whoever does not sleep for long is told by the kernel (RLIMIT_RTTIME, prlimit(2)), and
has the priority no more.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import threading
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

PRIORITY = 5
"""Of 1 to 99: above everything ordinary, below the kernel's threads and any sound server's own."""
AWAKE_S = 0.5
"""A thread that computes for so long without sleeping costs its process the priority …"""
KILL_S = 3.0
"""… and this ends it: even that could not be done."""


def raise_priority() -> bool:
    """Put this thread, and those that it starts from now on, under SCHED_RR; return whether it was granted.

    For the main thread, before it has started others. Being refused is the ordinary case outside a service;
    where the limit allows it, it is worth a warning.
    """
    try:
        _limit(AWAKE_S, KILL_S)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError as error:
        allowed, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
        level = logging.WARNING if allowed >= PRIORITY else logging.DEBUG
        log.log(level, "no real-time priority: %s (RLIMIT_RTPRIO is %d)", error.strerror, allowed)
        return False
    log.debug("real-time priority %d", PRIORITY)
    # A thread waits for the signal, and no handler: the main thread may be in a call that does not return.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGXCPU})
    threading.Thread(target=_give_up, name="priority", daemon=True).start()
    return True


def ordinary(pid: int) -> None:
    """Take real-time priority from a child, which has inherited it: what it does first has no hurry."""
    with suppress(ProcessLookupError, PermissionError):
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def _limit(awake_s: float, kill_s: float) -> None:
    """Have the kernel tell us; a limit that is lower already stays, since only root may raise it."""
    # prlimit(2), which a unit's filter of calls allows; setrlimit(2) it may refuse.
    limits = resource.prlimit(0, resource.RLIMIT_RTTIME)
    wanted = (round(each * 1e6) for each in (awake_s, kill_s))
    soft, hard = (
        new if old == resource.RLIM_INFINITY else min(old, new)
        for old, new in zip(limits, wanted, strict=True)
    )
    resource.prlimit(0, resource.RLIMIT_RTTIME, (soft, hard))


def _give_up() -> None:
    """Once the kernel says that a thread does not sleep, make all of them ordinary ones."""
    signal.sigwait({signal.SIGXCPU})
    for task in Path("/proc/self/task").iterdir():
        ordinary(int(task.name))
    log.warning("no real-time priority any more: a thread was awake for %g s without a pause", AWAKE_S)
