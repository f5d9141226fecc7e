"""The file on disk: private, of one run, and never in the way."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from heard.publish.slot_file import SlotFile, once_path
from heard.settings import Capture, Settings


def opened(path: Path, run: str = "run") -> SlotFile:
    return SlotFile(path, run, "test", 64)


def test_it_outlives_the_process_but_not_the_run(tmp_path: Path) -> None:
    """The next process of the run reads it; another run finds it empty, whatever its size was."""
    path = tmp_path / "slots"
    file = opened(path)
    for number in range(100):
        file.write(file.slots.put(f"key{number}", b"v"))
    file.close()
    assert len(opened(path).slots.items()) == 100
    assert not opened(path, "run2").slots.continued
    assert path.stat().st_size == 64
    assert opened(path, "run2").slots.continued


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        opened(tmp_path / "slots").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "slots").stat().st_mode) == 0o600


def test_a_write_that_fails_is_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk does not stop what is published; the loss is on record."""
    file = opened(tmp_path / "slots")
    os.close(file._descriptor)
    # /dev/full refuses every write as a full disk does.
    file._descriptor = os.open("/dev/full", os.O_RDWR)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            file.write(file.slots.put("a", b"1"))
    assert file.faults == 3
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "cannot be written: No space left on device; goes on without"
    ]
    file.close()


def test_what_was_published_is_remembered_where_the_audio_is(tmp_path: Path) -> None:
    """In memory, or on the disk; where that is changed between two runs the memory moves along."""
    run, state = tmp_path / "run", tmp_path / "state"
    run.mkdir()
    here = Settings(state_dir=str(state))
    there = Settings(state_dir=str(state), capture=Capture(spool="disk"))
    first = SlotFile(once_path(here, run), "", "k", 64)
    assert first.path == run / "publish.once"
    first.write(first.slots.put("mic", b"one"))
    first.close()
    second = SlotFile(once_path(there, run), "", "k", 64)
    assert second.path == state / "spool" / "publish.once"
    assert second.slots.items() == {"mic": b"one"}
    assert (stat.S_IMODE(second.path.stat().st_mode), first.path.exists()) == (0o600, False)
    second.write(second.slots.put("mic", b"two"))
    second.close()
    third = SlotFile(once_path(here, run), "", "k", 64)
    assert (third.path, third.slots.items()) == (first.path, {"mic": b"two"})
    assert not second.path.exists()


def test_without_a_disk_it_is_remembered_in_memory(tmp_path: Path) -> None:
    """And said in one line; audio and transcripts go on."""
    (tmp_path / "state").write_text("in the way")
    settings = Settings(state_dir=str(tmp_path / "state"), capture=Capture(spool="disk"))
    assert once_path(settings, tmp_path) == tmp_path / "publish.once"
