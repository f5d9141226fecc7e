"""A process that holds a secret is opaque to the other processes of its user."""

import os
import resource
import sys
from pathlib import Path

import pytest

from heard.supervise.children import usage

from ..support.poll import until
from ..support.processes import run, started

PROGRAM = "import sys; from heard import dumps; dumps.forbid(); print('ready', flush=True); sys.stdin.read()"
WAIT_S = 30.0

# Both processes belong to nobody, who may not read this Python: so they are forked, not started.
AS_NOBODY = """
import ctypes, os, sys
from heard import dumps
from heard.supervise.children import usage

def tell(pid):
    for name in ("environ", "maps", "mem", "fd"):
        try:
            os.listdir(f"/proc/{pid}/fd") if name == "fd" else open(f"/proc/{pid}/{name}", "rb").close()
        except PermissionError:
            print(name, "closed")
        else:
            print(name, "open")
    print("memory measured:", usage(pid)[0] > 0)

usage(os.getpid())  # loads what nobody could not
os.setgroups([]); os.setgid(65534); os.setuid(65534)
# Changing the user has the same effect as `forbid`; an ordinary program is as after an exec.
ctypes.CDLL(None).prctl(dumps.PR_SET_DUMPABLE, 1, 0, 0, 0)
for secret in (False, True):
    ends, told = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        if secret:
            dumps.forbid()
        os.write(told[1], b"!"); os.close(ends[1]); os.read(ends[0], 1); os._exit(0)
    os.read(told[0], 1)
    tell(pid)
    os.close(ends[1]); os.waitpid(pid, 0)
"""


def test_no_core_is_written(tmp_path: Path) -> None:
    """The limit is 0, and what would be dumped is nothing."""
    with started([sys.executable, "-c", PROGRAM], limit_s=90, stdin=True, cwd=tmp_path) as child:
        until(lambda: "ready" in child.printed(), WAIT_S, "the child")
        assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, 0)
        assert usage(child.pid)[0] > 0
        child.signal(6)
        # 128 in the exit status would say that a core was dumped; `subprocess` tells the signal alone.
        assert child.wait(WAIT_S) == -6
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to become another user")
def test_its_own_user_cannot_read_it_and_supervise_can_still_measure_it() -> None:
    """Environment, memory and descriptors are closed to another process of the same user; `stat` is not."""
    finished = run([sys.executable, "-c", AS_NOBODY], limit_s=90)
    assert finished.code == 0, finished.stderr
    ordinary, secret = finished.stdout.splitlines()[:5], finished.stdout.splitlines()[5:]
    assert ordinary == ["environ open", "maps open", "mem open", "fd open", "memory measured: True"]
    assert secret == ["environ closed", "maps closed", "mem closed", "fd closed", "memory measured: True"]
