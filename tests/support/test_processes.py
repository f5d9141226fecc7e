import os
import signal
import sys

import pytest

from . import processes
from .poll import until

# Starts a grandchild that ignores SIGTERM, prints its pid and waits.
PARENT = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
print(grandchild.pid, flush=True)
time.sleep(60)
"""


def alive(pid: int) -> bool:
    return pid in processes.tree(pid)


def first_number(child: processes.Child) -> int:
    return int(until(child.printed, 30, "the child's first line").split()[0])


def test_a_finished_program_reports_its_status_and_both_outputs() -> None:
    """Outputs are kept apart, stdin is passed on, the exit status is the program's own."""
    script = "import sys; print(input()); print('aside', file=sys.stderr); sys.exit(3)"
    finished = processes.run([sys.executable, "-c", script], limit_s=60, stdin=b"hello\n")
    assert (finished.code, finished.stdout, finished.stderr) == (3, "hello\n", "aside\n")


def test_leaving_the_block_ends_the_whole_tree() -> None:
    """A grandchild that ignores SIGTERM is gone when the block ends."""
    with processes.started([sys.executable, "-c", PARENT], limit_s=90) as child:
        grandchild = first_number(child)
        assert grandchild in processes.tree(child.pid)
        assert processes.family(child.pid) == [grandchild]
    assert not alive(grandchild)
    assert not alive(child.pid)


def test_orphans_are_found_after_their_parent_died() -> None:
    """What a killed parent left behind is ended, too."""
    with processes.started([sys.executable, "-c", PARENT], limit_s=90) as child:
        grandchild = first_number(child)
        child.signal(signal.SIGKILL)
        assert child.wait(30) == -signal.SIGKILL
        assert alive(grandchild)
    assert not alive(grandchild)


def test_a_program_past_its_limit_is_killed_and_reported() -> None:
    """The message carries what the program had printed."""
    with (
        pytest.raises(TimeoutError, match=r"was killed after 4 s\n(.*\n)*so far\n"),
        processes.started(["sh", "-c", "echo so far; exec sleep 60"], limit_s=4) as child,
    ):
        assert child.wait(40) == -signal.SIGKILL


def test_waiting_in_vain_leaves_the_child_running() -> None:
    """A deadline of `wait` is not the child's own limit."""
    with processes.started(["sleep", "60"], limit_s=50) as child:
        with pytest.raises(TimeoutError, match="ran on after"):
            child.wait(0.05)
        assert child.running
        assert child.terminate() == -signal.SIGTERM


def test_memory_and_time_of_a_tree_are_counted_with_its_descendants() -> None:
    """A grandchild's 40 MB and its seconds of work appear in the figures of the child."""
    script = (
        "import subprocess, sys; hog = subprocess.Popen([sys.executable, '-c', "
        "'import time; held = bytearray(40_000_000); sum(range(10_000_000)); "
        "print(1, flush=True); time.sleep(60)']); hog.wait()"
    )
    with processes.started([sys.executable, "-c", script], limit_s=90) as child:
        first_number(child)
        alone = processes.pss_of(child.pid)
        assert processes.pss_bytes(child.pid) > alone + 40_000_000
        assert processes.cpu_s(child.pid) > 0.05
        assert 1_000_000 < processes.private_of(child.pid) <= processes.pss_of(child.pid)
    assert processes.private_of(child.pid) == 0
    assert processes.pss_bytes(child.pid) == 0
    assert processes.cpu_s(child.pid) == 0
    assert processes.pss_of(os.getpid()) > 1_000_000
