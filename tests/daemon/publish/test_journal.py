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
from heard.publish.chores import is_taken_over, take_over
from heard.publish.journal import FILE_NAME, RETRY_S, WAITING, Journal
from heard.publish.span import Span
from heard.publish.tables import VERSION, current_text
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
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    (row,) = rows(tmp_path, 'SELECT turn_id, run, source, seq, "start", "end", time, body FROM finals')
    assert row[:-1] == ("t1", "run", "mic", 1, 1.0, 1.4, NOW)
    assert isinstance(row[-1], bytes)
    assert msgpack.unpackb(row[-1]) == final(1)
    assert rows(tmp_path, "PRAGMA user_version") == [(VERSION,)]
    assert (journal.rows, journal.faults) == (1, 0)


def test_a_turn_is_there_once(tmp_path: Path) -> None:
    """A final that was journalled but not sent before a kill comes again with another number."""
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    journal.append(Topic.FINAL, {**final(1), "seq": 2}, NOW)
    assert rows(tmp_path, "SELECT turn_id, seq FROM finals") == [("t1", 2)]
    assert journal.rows == 1


def test_a_turn_that_comes_again_in_the_next_run_is_of_that_run(tmp_path: Path) -> None:
    """Audio that was retained: a question about the run begins to read early enough."""
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    journal.append(Topic.FINAL, {**final(1), "run": "next", "seq": 1}, NOW)
    assert rows(tmp_path, "SELECT run, seq FROM finals") == [("next", 1)]
    assert rows(tmp_path, "SELECT run, first FROM runs ORDER BY run") == [("next", 1.0), ("run", 1.0)]


def test_a_revision_stands_beside_its_final(tmp_path: Path) -> None:
    """Corrections are kept apart and do not count as finals."""
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    journal.append(Topic.REVISED, final(1, text="Hallo"), NOW)
    assert rows(tmp_path, "SELECT final, seq FROM revisions") == [(1, 1)]
    (kept,) = rows(tmp_path, "SELECT body FROM finals")[0]
    assert isinstance(kept, bytes)
    assert msgpack.unpackb(kept)["text"] == "Hello"
    assert journal.rows == 1


def test_a_revision_of_what_is_not_there_is_not_kept(tmp_path: Path) -> None:
    """What was forgotten does not come back as a correction."""
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.REVISED, final(1), NOW)
    assert (rows(tmp_path, "SELECT * FROM revisions"), journal.faults) == ([], 0)


def test_gaps_and_sessions_are_kept(tmp_path: Path) -> None:
    """With the time that they are about: a gap has its own, the others when they were published."""
    journal = Journal(tmp_path, NOW)
    gap: Body = {"reason": "xrun", "samples": 160, "start": 2.0, "end": 2.01}
    opened: Body = {"event": "open"}
    for topic, body in ((Topic.GAP, gap), (Topic.UPSTREAM, opened)):
        journal.append(topic, complete(Event(topic, "mic", body), "run", 1, NOW), NOW)
    found = rows(tmp_path, 'SELECT topic, source, "start", "end" FROM events')
    assert found == [("gap", "mic", 2.0, 2.01), ("upstream", "mic", NOW, NOW)]
    assert journal.rows == 0


def test_what_waits_can_be_forgotten(tmp_path: Path) -> None:
    """A full disk keeps nothing alive in memory that was to go."""
    (tmp_path / "state").write_text("in the way")
    journal = Journal(tmp_path / "state", NOW)
    for number in range(3):
        journal.append(Topic.FINAL, {**final(number), "start": 10.0 * number, "end": 10.0 * number + 1}, NOW)
    assert journal.forget_waiting(Span(since=9.0, until=20.0)) == 1
    (tmp_path / "state").unlink()
    journal.tick(NOW + RETRY_S)
    assert rows(tmp_path / "state", "SELECT seq FROM finals ORDER BY seq") == [(0,), (2,)]


VERSION_1 = """
CREATE TABLE finals (
    turn_id TEXT PRIMARY KEY, run TEXT NOT NULL, source TEXT NOT NULL, seq INTEGER NOT NULL,
    "start" REAL NOT NULL, "end" REAL NOT NULL, time REAL NOT NULL, text TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX finals_by_seq ON finals (run, source, seq);
CREATE INDEX finals_by_start ON finals ("start");
CREATE INDEX finals_by_time ON finals (time);
CREATE TABLE revisions (
    turn_id TEXT NOT NULL, run TEXT NOT NULL, source TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (turn_id, run, seq)
);
CREATE INDEX revisions_by_time ON revisions (time);
PRAGMA user_version = 1;
"""


def test_a_journal_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """All of its finals and revisions, in the order in which they were published."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(VERSION_1)
        for number in (1, 2):
            body = final(number, NOW + number)
            values = (
                f"t{number}",
                "run",
                "mic",
                number,
                1.0,
                1.4,
                NOW + number,
                "Hello",
                msgpack.packb(body),
            )
            database.execute("INSERT INTO finals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        revised = msgpack.packb(final(1, text="Hallo"))
        database.execute(
            "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?)", ("t1", "run", "mic", 1, NOW, revised)
        )
        database.commit()
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(3), NOW)
    assert (journal.rows, journal.faults) == (1, 0)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as database:
        assert not is_taken_over(database)
        assert list(take_over(database)) == [-2]
        assert is_taken_over(database)
        assert [current_text(database, each) for each in (1, 2, 3)] == ["Hallo", "Hello", "Hello"]
    journal.append(Topic.FINAL, final(4), NOW)
    assert rows(tmp_path, "SELECT turn_id, seq FROM finals ORDER BY id") == [
        ("t1", 1), ("t2", 2), ("t3", 3), ("t4", 4)
    ]  # fmt: skip
    assert rows(tmp_path, "SELECT run, first FROM runs") == [("run", 1.0)]
    tables = {name for (name,) in rows(tmp_path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert not any(str(name).endswith("_1") for name in tables)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The journal, its log and its index: 0600, whatever the umask; a new folder 0700."""
    before = os.umask(0)
    try:
        journal = Journal(tmp_path / "state", NOW)
        journal.append(Topic.FINAL, final(1), NOW)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == dict.fromkeys((FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"), 0o600)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_what_a_full_disk_refused_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The fault is counted and said once; the journal heals by itself and has every final."""
    journal = Journal(tmp_path, NOW)
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
    journal = Journal(tmp_path / "state", NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    assert (journal.rows, journal.faults) == (0, 1)
    (tmp_path / "state").unlink()
    journal.tick(NOW - 86400)
    assert journal.rows == 1


def test_a_deleted_file_is_made_anew(tmp_path: Path) -> None:
    """SQLite would go on writing into the void."""
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW)
    for path in tmp_path.iterdir():
        path.unlink()
    journal.append(Topic.FINAL, final(2), NOW)
    assert rows(tmp_path, "SELECT seq FROM finals") == [(2,)]
    assert (journal.rows, journal.faults) == (1, 0)


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    """It is kept for whoever wants to save it, and a new one takes its place."""
    (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
    journal = Journal(tmp_path, NOW)
    journal.append(Topic.FINAL, final(1), NOW + RETRY_S)
    assert rows(tmp_path, "SELECT seq FROM finals") == [(1,)]
    assert (tmp_path / f"{FILE_NAME}.damaged-{int(NOW)}").read_bytes().startswith(b"no database")


def test_a_newer_file_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An older heard does not write into tables that it does not know."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with caplog.at_level(logging.ERROR):
        journal = Journal(tmp_path, NOW)
        journal.append(Topic.FINAL, final(1), NOW)
    assert journal.rows == 0
    assert "written by a newer heard" in caplog.text


def test_another_writer_holds_it_up_only_so_long(tmp_path: Path) -> None:
    """A program that holds the write lock costs a fault, and the rows come when it lets go."""
    journal = Journal(tmp_path, NOW)
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
    journal = Journal(tmp_path / "state", NOW)
    for number in range(WAITING + 3):
        journal.append(Topic.FINAL, final(number), NOW)
    (tmp_path / "state").unlink()
    journal.tick(NOW + RETRY_S)
    assert (journal.rows, journal.lost) == (WAITING, 3)
    assert rows(tmp_path / "state", "SELECT min(seq) FROM finals") == [(3,)]
