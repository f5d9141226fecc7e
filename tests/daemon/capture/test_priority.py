"""Real time for capture alone, where the kernel grants it."""

from __future__ import annotations

import os
import resource
import sys

import pytest

from ...support.processes import run
from ...system.running import daemon

ASK = """
import logging, os, resource, sys
logging.basicConfig(level=logging.WARNING, format="%(message)s")
soft = int(sys.argv[1])
from heard.capture.priority import raise_priority
os.sched_setscheduler = lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted"))
resource.getrlimit = lambda _: (soft, soft)
print(raise_priority())
"""


SPIN = """
import hashlib, logging, os, threading
logging.basicConfig(level=logging.WARNING, format="%(message)s")
from heard.capture.priority import raise_priority
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
print(raise_priority(), flush=True)
lock = threading.Lock()
lock.acquire()

def spin():
    # In C, without the interpreter's lock, as a library's thread does; for some seconds.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**7)
    policies = {os.sched_getscheduler(int(task)) for task in os.listdir("/proc/self/task")}
    print(policies == {os.SCHED_OTHER}, flush=True)
    lock.release()

threading.Thread(target=spin).start()
# As the main thread is while a stream is opened: no handler of Python's runs.
lock.acquire()
"""


def granted() -> bool:
    """Whether this user may have real time here."""
    code = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))"
    return run([sys.executable, "-c", code], limit_s=60).code == 0


def test_capture_has_real_time_and_no_other_process() -> None:
    """As the kernel says; where it is refused, capture runs as everything else does."""
    wanted = os.SCHED_RR if granted() else os.SCHED_OTHER
    source = {"name": "mic", "input": "stdin"}
    upstream = {"service": "assemblyai", "url": "ws://127.0.0.1:9"}
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with daemon([source], env=env, upstream=upstream) as heard:
        heard.wait_ready()
        processes = heard.status()["processes"]
        policies = {name: os.sched_getscheduler(each["pid"]) for name, each in processes.items()}
        assert policies.pop("capture") == wanted
        assert set(policies.values()) == {os.SCHED_OTHER}
        for name, each in processes.items():
            if name not in ("capture", "supervise"):
                assert resource.prlimit(each["pid"], resource.RLIMIT_RTPRIO) == (0, 0)


@pytest.mark.parametrize(("limit", "warned"), [(0, False), (99, True)])
def test_a_refusal_is_worth_a_warning_where_it_was_to_be_granted(limit: int, warned: bool) -> None:
    """LimitRTPRIO is set, and something else forbids it; without a limit a refusal is the ordinary case."""
    finished = run([sys.executable, "-c", ASK, str(limit)], limit_s=60)
    assert finished.stdout == "False\n"
    assert ("no real-time priority: Operation not permitted" in finished.stderr) is warned


def test_without_the_limit_there_is_no_real_time() -> None:
    """Where the kernel may not tell of a thread that spins, none is let take a core."""
    refuse = (
        "resource.prlimit = lambda *_: (_ for _ in ()).throw(PermissionError(1, 'Operation not permitted'))"
    )
    code = f"""
import os, resource
from heard.capture.priority import raise_priority
{refuse}
print(raise_priority(), os.sched_getscheduler(0) == os.SCHED_OTHER)
"""
    assert run([sys.executable, "-c", code], limit_s=60).stdout == "False True\n"


def test_a_thread_that_spins_costs_itself_the_priority_and_nobody_the_machine() -> None:
    """ALSA's plug-in for PulseAudio does, until another thread has had its turn: which takes a core."""
    finished = run([sys.executable, "-c", SPIN], limit_s=110)
    assert finished.code == 0, finished.stderr
    assert finished.stdout == f"{granted()}\nTrue\n"
    assert finished.stderr.startswith("no real-time priority any more: ") is granted()
