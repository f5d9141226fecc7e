"""A journal that cannot be written: transcripts go on, the fault is told, and the rows come in afterwards.

The disk is a tmpfs of one megabyte that the test fills, mounted for the daemon alone; where the machine
does not allow that, the kernel refuses `publish` to let a file grow, which looks the same to the journal.
"""

from __future__ import annotations

import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import pytest

from ..support.namespace import mounting, private, seen_by
from ..support.v3_server import v3_server
from .coded import hearing, recording, words
from .running import Daemon, folder

JOURNAL = "journal.sqlite3"
PART = 4096
WAYS = [
    *(["tmpfs"] if private() else []),
    pytest.param("limit", marks=pytest.mark.slow if private() else ()),
]


class Disk(Protocol):
    """What the journal is on."""

    def fill(self) -> None:
        """Leave no room."""

    def free(self) -> None:
        """Make room again."""


class Tmpfs:
    """A small file system, reached through the process that has it mounted."""

    def __init__(self, state_dir: Path) -> None:
        self._ballast = state_dir / "ballast"

    def fill(self) -> None:
        """Write until there is no room."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            while True:
                ballast.write(bytes(PART))

    def free(self) -> None:
        """Delete what was written."""
        self._ballast.unlink()


class Limit:
    """A limit on the files of the process that writes the journal; its other files have no room either."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        _, self._hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        """Let it write to no file, but for a first byte."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (1, self._hard))

    def free(self) -> None:
        """Let it write again."""
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (self._hard, self._hard))


@contextmanager
def _small(way: str, path: Path, url: str) -> Iterator[tuple[Daemon, Disk, Path]]:
    """Yield a daemon, its disk, and where its state directory can be looked into."""
    with folder() as place:
        state_dir = place / "state"
        state_dir.mkdir(mode=0o700)
        tmpfs = ("-t", "tmpfs", "-o", "size=1m,mode=0700", "heard-test", str(state_dir))
        prefix = mounting(tmpfs) if way == "tmpfs" else ()
        with hearing(path, url, place=place, prefix=prefix, exit_when_done=False) as heard:
            heard.wait_ready()
            seen = seen_by(heard.child.pid, state_dir)
            pid = heard.status()["processes"]["publish"]["pid"]
            yield heard, Tmpfs(seen) if way == "tmpfs" else Limit(pid), seen


def _journal(heard: Daemon) -> list[tuple[str, str]]:
    return [(body["process"], body["event"]) for body in heard.bodies("fault") if body["what"] == "journal"]


def _rows(state_dir: Path, folder: Path) -> list[str]:
    """Return the turn_ids in the journal. It is copied: SQLite looks for the files in our own mounts."""
    for name in (JOURNAL, f"{JOURNAL}-wal"):
        shutil.copyfile(state_dir / name, folder / name)
    with closing(sqlite3.connect(folder / JOURNAL)) as database:
        return sorted(turn_id for (turn_id,) in database.execute("SELECT turn_id FROM finals"))


@pytest.mark.parametrize("way", WAYS)
def test_a_full_disk_holds_up_no_transcript(way: str, tmp_path: Path) -> None:
    """Finals are published all the same; status and a message name the journal; it heals by itself."""
    with v3_server() as server, _small(way, recording(tmp_path, 60), server.url) as (heard, disk, state_dir):
        heard.until(lambda: heard.status()["publish"]["journal_rows"], 40, "the first row")
        assert heard.status()["faults"] == []
        heard.catch_up()
        disk.fill()
        count = len(heard.finals())
        heard.until(lambda: len(heard.finals()) >= count + 2, 40, "two more finals")
        heard.until(lambda: _journal(heard), 20, "the message")
        assert set(_journal(heard)) == {("publish", "began")}
        status = heard.status()
        (fault,) = [each for each in status["faults"] if each["what"] == "journal"]
        assert fault["process"] == "publish"
        assert JOURNAL in fault["detail"]
        assert status["state"] == "degraded"
        assert status["processes"]["publish"]["restarts"] == 0
        rows = status["publish"]["journal_rows"]
        assert rows < len(heard.finals()), "the disk was full"

        disk.free()
        heard.until(lambda: heard.status()["faults"] == [], 40, "the fault to be over")
        heard.until(lambda: heard.status()["state"] == "ready", 20, "ready")
        heard.until(lambda: _journal(heard)[-1] == ("publish", "over"), 20, "the message that it is over")
        heard.ask("mute")
        heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, 40, "everything to settle")
        # The last that is written for now.
        heard.until(
            lambda: "closed" in [body["event"] for body in heard.bodies("upstream.mic")],
            20,
            "its session's end",
        )
        heard.catch_up()
        said = sorted(final["turn_id"] for final in heard.finals())
        assert _rows(state_dir, tmp_path) == said
        assert len(words(heard.finals())) == len(set(words(heard.finals())))
        heard.ask("stop")
        heard.until(lambda: not heard.child.running, 40, "the daemon to end")
        assert heard.child.code == 0, heard.child.tail()
