"""A ring's file is private, belongs to one process at a time, and has its room before it is used."""

import errno
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heard.capture.ring import ring_bytes
from heard.capture.ring_file import RingFile, RingTakenError

from ...support.poll import until

SIZE = ring_bytes(5000)
HOLD = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
if sys.argv[3:]:
    os.unlink(sys.argv[1])
"""


def opened(path: Path, wait_s: float = 0.0) -> RingFile:
    return RingFile(path, time.monotonic() + wait_s)


def test_a_file_is_private_and_outlives_its_ring(tmp_path: Path) -> None:
    """Mode 0600; opened again it holds what it held."""
    path = tmp_path / "ring.mic"
    file = opened(path)
    assert (file.existed, file.ring()) == (False, None)
    file.reserve(SIZE)
    ring = file.ring()
    assert ring is not None
    ring.commit(b"record")
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_blocks * 512 >= SIZE
    again = opened(path)
    found = again.ring()
    assert found is not None
    assert (again.existed, found.record, again.size) == (True, b"record", SIZE)
    again.remove()
    assert not path.exists()


def test_another_process_is_waited_for_but_not_for_ever(tmp_path: Path) -> None:
    """Two must never write one ring; whoever was killed lets go in a moment."""
    path = tmp_path / "ring.mic"
    argv = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen([*argv, "30"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RingTakenError, match=r"ring\.mic: in use by another process"):
            opened(path, 0.1)
        holder.kill()
        opened(path, 30).close()


def test_a_file_that_is_removed_meanwhile_is_made_anew(tmp_path: Path) -> None:
    """The lock counts for the file that stands there, not for one that is gone."""
    path = tmp_path / "ring.mic"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), "0.3", "remove"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        file = opened(path, 30)
        assert path.stat().st_ino == file.path.stat().st_ino
        holder.wait(30)
        until(path.exists, 10, "the file")
        file.close()


def test_no_room_is_an_error_at_once_and_takes_no_room(tmp_path: Path) -> None:
    """The file is left empty: what is short is not held by it."""
    path = tmp_path / "ring.mic"
    file = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, hard))
    try:
        with pytest.raises(OSError, match=rf"Errno {errno.EFBIG}"):
            file.reserve(SIZE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (file.size, file.ring()) == (0, None)
    file.reserve(SIZE)
    assert file.size == SIZE
    file.close()


def test_what_is_no_plain_file_of_ours_is_refused(tmp_path: Path) -> None:
    """No folder, and a symbolic link where the ring should be."""
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "nowhere" / "ring.mic")
    (tmp_path / "ring.mic").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        opened(tmp_path / "ring.mic")
