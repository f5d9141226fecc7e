"""The journal: what it keeps, for how long, and that no fault of the disk holds anything up."""

from __future__ import annotations

import logging
import os
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgpack
import pytest

from heard.publish.bodies import complete
from heard.publish.journal import DAY_S, FILE_NAME, PRUNE_ROWS, RETRY_S, VERSION, WAITING, Journal
from heard.wire.codec import Body
from heard.wire.events import Event
from heard.wire.topics import Topic

from .test_bodies import transcript

NOW = 1_000_000.0


def final(number: int, now: float = NOW, text: str = "Hello") -> Body:
    """Return the body of a final as published."""
    event = Event(Topic.FINAL, "mic", transcript(turn_id=f"t{number}", text=text))
    return complete(event, "run", number, now)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        return database.execute(query).fetchall()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let writes beyond `size` bytes of a file fail, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_final_is_there_as_published(tmp_path: Path) -> None:
    """Readable by another program at once, while the journal is open."""
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    (row,) = rows(tmp_path, 'SELECT turn_id, run, source, seq, "start", "end", time, text, body FROM finals')
    assert row[:-1] == ("t1", "run", "mic", 1, 1.0, 1.4, NOW, "Hello")
    assert isinstance(row[-1], bytes)
    assert msgpack.unpackb(row[-1]) == final(1)
    assert rows(tmp_path, "PRAGMA user_version") == [(VERSION,)]
    assert (journal.rows, journal.faults) == (1, 0)


def test_a_turn_is_there_once(tmp_path: Path) -> None:
    """A final that was journalled but not sent before a kill comes again with another number."""
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    journal.append(Topic.FINAL, {**final(1), "seq": 2}, NOW)
    assert rows(tmp_path, "SELECT turn_id, seq FROM finals") == [("t1", 2)]
    assert journal.rows == 1


def test_a_revision_stands_beside_its_final(tmp_path: Path) -> None:
    """Corrections are kept apart and do not count as finals."""
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    journal.append(Topic.REVISED, final(1, text="Hallo"), NOW)
    assert rows(tmp_path, "SELECT turn_id, seq FROM revisions") == [("t1", 1)]
    assert rows(tmp_path, "SELECT text FROM finals") == [("Hello",)]
    assert journal.rows == 1


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The journal, its log and its index: 0600, whatever the umask; a new folder 0700."""
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "state", 30, NOW)
        journal.append(Topic.FINAL, final(1), NOW)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == dict.fromkeys((FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_old_rows_go(tmp_path: Path) -> None:
    """At start and as time passes, a bounded number at a time; 0 days keep all."""
    journal = Journal(tmp_path, 0, NOW)
    many = PRUNE_ROWS + 5
    for number in range(many):
        journal.append(Topic.FINAL, final(number), NOW)
    journal.append(Topic.FINAL, final(many, NOW + DAY_S), NOW + DAY_S)
    later = NOW + 30 * DAY_S + 1
    journal.tick(later)
    assert journal.rows == many + 1
    journal.close()
    journal = Journal(tmp_path, 30, later)
    journal.tick(later)
    assert journal.rows == 6
    journal.tick(later + 1)
    assert (journal.rows, rows(tmp_path, "SELECT seq FROM finals")) == (1, [(many,)])


def test_what_a_full_disk_refused_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The fault is counted and said once; the journal heals by itself and has every final."""
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    with caplog.at_level(logging.INFO), no_file_larger_than(0):
        for number in range(2, 6):
            journal.append(Topic.FINAL, final(number), NOW + number * RETRY_S)
    assert (journal.rows, journal.faults) == (1, 4)
    journal.tick(NOW + 5 * RETRY_S + 0.1)
    assert journal.rows == 1, "a failing disk is not asked again and again"
    with caplog.at_level(logging.INFO):
        journal.tick(NOW + 7 * RETRY_S)
    assert rows(tmp_path, "SELECT seq FROM finals") == [(1,), (2,), (3,), (4,), (5,)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert "transcripts are published all the same" in caplog.records[0].getMessage()


def test_a_folder_that_cannot_be_made_heals_too(tmp_path: Path) -> None:
    """A start with an unusable state_dir; a clock set back does not delay the next attempt."""
    (tmp_path / "state").write_text("in the way")
    journal = Journal(tmp_path / "state", 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    assert (journal.rows, journal.faults) == (0, 1)
    (tmp_path / "state").unlink()
    journal.tick(NOW - DAY_S)
    assert journal.rows == 1


def test_a_deleted_file_is_made_anew(tmp_path: Path) -> None:
    """SQLite would go on writing into the void."""
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    for path in tmp_path.iterdir():
        path.unlink()
    journal.append(Topic.FINAL, final(2), NOW)
    assert rows(tmp_path, "SELECT seq FROM finals") == [(2,)]
    assert (journal.rows, journal.faults) == (1, 0)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """It is kept for whoever wants to save it, and a new one takes its place."""
    (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
    journal = Journal(tmp_path, 30, NOW)
    journal.append(Topic.FINAL, final(1), NOW + RETRY_S)
    assert rows(tmp_path, "SELECT seq FROM finals") == [(1,)]
    assert (tmp_path / f"{FILE_NAME}.damaged-{int(NOW)}").read_bytes().startswith(b"no database")


def test_a_newer_file_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An older heard does not write into tables that it does not know."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with caplog.at_level(logging.ERROR):
        journal = Journal(tmp_path, 30, NOW)
        journal.append(Topic.FINAL, final(1), NOW)
    assert journal.rows == 0
    assert "written by a newer heard" in caplog.text


def test_another_writer_holds_it_up_only_so_long(tmp_path: Path) -> None:
    """A program that holds the write lock costs a fault, and the rows come when it lets go."""
    journal = Journal(tmp_path, 30, NOW)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        journal.append(Topic.FINAL, final(1), NOW)
        assert (journal.rows, journal.faults) == (0, 1)
        other.execute("COMMIT")
    journal.tick(NOW + RETRY_S)
    assert journal.rows == 1


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """Rows given up are counted; the newest are kept."""
    (tmp_path / "state").write_text("in the way")
    journal = Journal(tmp_path / "state", 30, NOW)
    for number in range(WAITING + 3):
        journal.append(Topic.FINAL, final(number), NOW)
    (tmp_path / "state").unlink()
    journal.tick(NOW + RETRY_S)
    assert (journal.rows, journal.lost) == (WAITING, 3)
    assert rows(tmp_path / "state", "SELECT min(seq) FROM finals") == [(3,)]
