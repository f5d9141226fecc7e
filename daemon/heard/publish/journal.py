"""The journal: finals, their revisions, gaps and events in SQLite, appended before they are published.

An append does as little as it can: the full-text index, deleting and checkpoints are chores that come later
(`heard.publish.chores`), from another connection. `writing` keeps the two apart.

A fault of the disk never holds up a transcript: it is counted, logged once, and what could not be
written waits in memory (bounded) for the journal to heal.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from heard.publish.span import Span
from heard.publish.tables import JournalError, current_text, index, is_indexed, prepare, unindex
from heard.wire.codec import Body, pack, take, take_or
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
BUSY_S = 0.2
"""How long a writer of another program is waited for. Readers hold nobody up (WAL)."""
RETRY_S = 2.0
"""After a fault, so long until the next attempt: a failing disk may take its time to say so."""
WAITING = 1000


@dataclass(frozen=True, slots=True)
class _Row:
    """A message to be written; `turn_id` "" where it is no transcript."""

    topic: Topic
    run: str
    source: str
    seq: int
    start: float
    end: float
    time: float
    turn_id: str
    body: bytes


class Journal:
    """Writes one journal. Times (`now`) are UTC; nothing here raises for a fault of the disk."""

    def __init__(
        self, state_dir: Path, now: float, writing: AbstractContextManager[object] | None = None
    ) -> None:
        """Open or make the journal below `state_dir`; `writing` is held for each transaction."""
        self.path = state_dir / FILE_NAME
        self.rows = 0
        """Finals in the file, as last known."""
        self.faults = 0
        """Attempts to write that failed."""
        self.trouble: str | None = None
        """What is wrong now, for a person; None while it can be written."""
        self.lost = 0
        """Rows given up, since too many were waiting."""
        self._writing = nullcontext() if writing is None else writing
        self._waiting: deque[_Row] = deque()
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._failing = False
        self._retry_at = now
        self._flush(now)

    def append(self, topic: Topic, body: Body, now: float) -> None:
        """Write a message as it is published; a turn that is there already is replaced."""
        time = take(body, "time", float)
        row = _Row(
            topic=topic,
            run=take(body, "run", str),
            source=take(body, "source", str),
            seq=take(body, "seq", int),
            start=take_or(body, "start", float, time),
            end=take_or(body, "end", float, time),
            time=time,
            turn_id=take_or(body, "turn_id", str, ""),
            body=pack(body),
        )
        self._waiting.append(row)
        if len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._flush(now)

    def tick(self, now: float) -> None:
        """Write what waits for the journal to heal, when it is time."""
        if self._waiting or self._failing:
            self._flush(now)

    def forget_waiting(self, span: Span) -> int:
        """Give up what waits and lies in `span`; return how many finals that were."""
        kept = [row for row in self._waiting if not span.holds(row.start, row.end, row.source, row.run)]
        gone = [row for row in self._waiting if row not in kept and row.topic is Topic.FINAL]
        self._waiting = deque(kept)
        return len(gone)

    def close(self) -> None:
        """Close the file; what still waits is lost and was counted as faults."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _flush(self, now: float) -> None:
        if self._failing and self._retry_at - RETRY_S <= now < self._retry_at:
            return  # a clock that was set back must not make this long
        try:
            database = self._opened(now)
            with self._writing, database:
                fresh = sum(_insert(database, row) for row in self._waiting)
            self._waiting.clear()
            self.rows += fresh
        except (sqlite3.Error, OSError, JournalError) as error:
            self._fault(error, now)
        else:
            if self._failing:
                log.info("%s: can be written again", self.path)
            self._failing = False
            self.trouble = None

    def _fault(self, error: Exception, now: float) -> None:
        self.faults += 1
        if not self._failing:
            log.error("%s: cannot be written: %s; transcripts are published all the same", self.path, error)
        self._failing = True
        self.trouble = f"{self.path}: cannot be written: {error}"
        self._retry_at = now + RETRY_S
        # Opened anew next time: what is wrong may have been the file that is open.
        self.close()

    def _opened(self, now: float) -> sqlite3.Connection:
        if self._database is not None and self._is_there():
            return self._database
        self.close()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made by us first, so that nobody else can read it even for a moment; -wal and -shm follow its mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._database = sqlite3.connect(self.path, timeout=BUSY_S)
        try:
            prepare(self._database)
        except sqlite3.DatabaseError as error:
            self.close()
            if error.sqlite_errorcode in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                self._set_aside(now)
            raise
        self._inode = self.path.stat().st_ino
        self.rows = _count(self._database)
        return self._database

    def _is_there(self) -> bool:
        """Whether the open file is still the one at the path: SQLite writes happily to a deleted one."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _set_aside(self, now: float) -> None:
        """Move a file that is no journal out of the way; the next attempt makes a new one."""
        aside = self.path.with_name(f"{FILE_NAME}.damaged-{int(now)}")
        self.path.replace(aside)
        for tail in ("-wal", "-shm"):
            self.path.with_name(FILE_NAME + tail).unlink(missing_ok=True)
        log.error("%s: is damaged: kept as %s, a new one is made", self.path, aside.name)


def _insert(database: sqlite3.Connection, row: _Row) -> bool:
    """Write a row; return whether it is a final that was not there before."""
    match row.topic:
        case Topic.FINAL:
            return _insert_final(database, row)
        case Topic.REVISED:
            _insert_revision(database, row)
        case _:
            database.execute(
                "INSERT OR REPLACE INTO events "
                '(topic, run, source, seq, "start", "end", time, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
                (str(row.topic), row.run, row.source, row.seq, row.start, row.end, row.time, row.body),
            )
    return False


def _insert_final(database: sqlite3.Connection, row: _Row) -> bool:
    values = (row.run, row.source, row.seq, row.start, row.end, row.time, row.body)
    database.execute(
        "INSERT INTO runs VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET first = excluded.first WHERE excluded.first < first",
        (row.run, row.start),
    )
    known = _final(database, row.turn_id)
    if known is not None:
        with _reindexed(database, known):
            database.execute(
                'UPDATE finals SET run = ?, source = ?, seq = ?, "start" = ?, "end" = ?, time = ?, body = ? '
                "WHERE id = ?",
                (*values, known),
            )
        return False
    database.execute(
        'INSERT INTO finals (run, source, seq, "start", "end", time, body, turn_id) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*values, row.turn_id),
    )
    return True


def _insert_revision(database: sqlite3.Connection, row: _Row) -> None:
    known = _final(database, row.turn_id)
    if known is None:
        return  # of a final that was forgotten, or is too old: it must not come back this way
    with _reindexed(database, known):
        database.execute(
            "INSERT OR REPLACE INTO revisions (final, run, seq, time, body) VALUES (?, ?, ?, ?, ?)",
            (known, row.run, row.seq, row.time, row.body),
        )


@contextmanager
def _reindexed(database: sqlite3.Connection, final: int) -> Iterator[None]:
    """Keep the full-text index true to a final that is changed in this block."""
    indexed = is_indexed(database, final)
    before = current_text(database, final)
    yield
    after = current_text(database, final)
    if indexed and before != after:
        unindex(database, final, before)
        index(database, final, after)


def _final(database: sqlite3.Connection, turn_id: str) -> int | None:
    row = database.execute("SELECT id FROM finals WHERE turn_id = ?", (turn_id,)).fetchone()
    return None if row is None else int(row[0])


def _count(database: sqlite3.Connection) -> int:
    (rows,) = database.execute("SELECT count(*) FROM finals").fetchone()
    return int(rows)
