"""The journal: finals and their revisions in SQLite, appended before they are published.

A fault of the disk never holds up a transcript: it is counted, logged once, and what could not be
written waits in memory (bounded) for the journal to heal.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from heard.wire.codec import Body, pack, take
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
VERSION = 1
"""`user_version` of the file; raised with every change of its tables."""

BUSY_S = 0.2
"""How long a writer of another program is waited for. Readers hold nobody up (WAL)."""
RETRY_S = 2.0
"""After a fault, so long until the next attempt: a failing disk may take its time to say so."""
PRUNE_S = 3600.0
PRUNE_ROWS = 1000
"""Rows deleted at a time: a long absence must not end in a long silence."""
WAITING = 1000
DAY_S = 86400.0

_TABLES = """
CREATE TABLE finals (
    turn_id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    "start" REAL NOT NULL,
    "end" REAL NOT NULL,
    time REAL NOT NULL,
    text TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX finals_by_seq ON finals (run, source, seq);
CREATE INDEX finals_by_start ON finals ("start");
CREATE INDEX finals_by_time ON finals (time);
CREATE TABLE revisions (
    turn_id TEXT NOT NULL,
    run TEXT NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    time REAL NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (turn_id, run, seq)
);
CREATE INDEX revisions_by_time ON revisions (time);
"""

_INSERT = {
    Topic.FINAL: "INSERT OR REPLACE INTO finals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    Topic.REVISED: "INSERT OR REPLACE INTO revisions VALUES (?, ?, ?, ?, ?, ?)",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A row to be written; `values[0]` is its turn_id."""

    topic: Topic
    values: tuple[object, ...]


class JournalError(Exception):
    """The file is there but cannot be used; the text says why."""


class Journal:
    """Writes one journal. Times (`now`) are UTC; nothing here raises for a fault of the disk."""

    def __init__(self, state_dir: Path, days: int, now: float) -> None:
        """Open or make the journal below `state_dir`; rows older than `days` go, 0 keeps all."""
        self.path = state_dir / FILE_NAME
        self.rows = 0
        """Finals in the file, as last known."""
        self.faults = 0
        """Attempts to write that failed."""
        self.trouble: str | None = None
        """What is wrong now, for a person; None while it can be written."""
        self.lost = 0
        """Rows given up, since too many were waiting."""
        self._days = days
        self._waiting: deque[_Row] = deque()
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._failing = False
        self._retry_at = now
        self._prune_at = now
        self._flush(now)

    def append(self, topic: Topic, body: Body, now: float) -> None:
        """Write a final or a revision as it is published; a turn that is there already is replaced."""
        common = (
            take(body, "turn_id", str),
            take(body, "run", str),
            take(body, "source", str),
            take(body, "seq", int),
        )
        time = take(body, "time", float)
        values: tuple[object, ...] = (*common, time, pack(body))
        if topic is Topic.FINAL:
            said = (take(body, "start", float), take(body, "end", float))
            values = (*common, *said, time, take(body, "text", str), pack(body))
        self._waiting.append(_Row(topic, values))
        if len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._flush(now)

    def tick(self, now: float) -> None:
        """Write what waits for the journal to heal, and prune, when it is time."""
        if self._waiting or self._failing:
            self._flush(now)
        if self._days and now >= self._prune_at and self._database is not None:
            self._prune(self._database, now)

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
            with database:
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
            _prepare(self._database)
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

    def _prune(self, database: sqlite3.Connection, now: float) -> None:
        before = now - self._days * DAY_S
        try:
            with database:
                gone = 0
                for table in ("revisions", "finals"):
                    found = database.execute(
                        f"DELETE FROM {table} WHERE rowid IN "  # noqa: S608  # the two names above
                        f"(SELECT rowid FROM {table} WHERE time < ? LIMIT {PRUNE_ROWS})",
                        (before,),
                    )
                    gone = max(gone, found.rowcount)
            self.rows = _count(database)
        except sqlite3.Error as error:
            self._fault(error, now)
            return
        self._prune_at = now + (PRUNE_S if gone < PRUNE_ROWS else 1.0)


def _prepare(database: sqlite3.Connection) -> None:
    """Set the file up where it is new.

    Raises:
        JournalError: a newer heard wrote it.
        sqlite3.Error: it is no database, or cannot be written.
    """
    database.execute("PRAGMA journal_mode = WAL")
    # In WAL mode this loses nothing when a process is killed; a power cut may cost the last moments.
    database.execute("PRAGMA synchronous = NORMAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalError(f"was written by a newer heard (version {version}; this one writes {VERSION})")
    if version < VERSION:
        database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def _insert(database: sqlite3.Connection, row: _Row) -> bool:
    """Write a row; return whether it is a final that was not there before."""
    known = "SELECT 1 FROM finals WHERE turn_id = ?"
    fresh = row.topic is Topic.FINAL and database.execute(known, row.values[:1]).fetchone() is None
    database.execute(_INSERT[row.topic], row.values)
    return fresh


def _count(database: sqlite3.Connection) -> int:
    (rows,) = database.execute("SELECT count(*) FROM finals").fetchone()
    return int(rows)
