"""What supervise knows of its children's memory and time."""

import os
import subprocess
import sys
from dataclasses import replace

from heard.supervise.children import Running, usage
from heard.supervise.table import CHILDREN

from ...support.poll import until

PROGRAM = "import sys; sys.stdin.read()"


def test_a_process_is_measured_through_what_was_opened_at_its_start() -> None:
    """As by its number, while it runs; zeros before, after its end, and once it is forgotten."""
    running = Running(replace(CHILDREN[0]))
    assert running.usage() == (0, 0.0)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE) as child:
        running.stat = os.open(f"/proc/{child.pid}/stat", os.O_RDONLY)
        before = until(lambda: running.usage()[0], 30, "memory in use")
        assert before <= usage(child.pid)[0]
        child.kill()
        child.wait(30)
    assert running.usage() == (0, 0.0)
    descriptor = running.stat
    running.forget_stat()
    assert running.stat is None
    assert not os.path.exists(f"/proc/self/fd/{descriptor}")  # noqa: PTH110 - a link whose target is gone
    running.forget_stat()
    assert running.usage() == (0, 0.0)
