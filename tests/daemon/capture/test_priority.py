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


def granted() -> bool:
    """Whether this user may have real time here."""
    code = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))"
    return run([sys.executable, "-c", code], limit_s=60).code == 0


def test_capture_has_real_time_and_no_other_process() -> None:
    """As the kernel says; where it is refused, capture runs as everything else does."""
    wanted = os.SCHED_FIFO if granted() else os.SCHED_OTHER
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
