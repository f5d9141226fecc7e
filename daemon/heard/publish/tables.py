"""The tables of the journal's file, and how a file of an earlier version becomes one of this.

`finals` and `revisions` hold each message's body as published. What was said stands in the bodies alone:
`spoken`, the full-text index, keeps no text (`content=''`), so whoever deletes a row hands it the text.
"""

from __future__ import annotations

import sqlite3

from heard.wire.codec import Body, WireError, take_or, unpack

VERSION = 2
"""`user_version` of the file; raised with every change of its tables."""

_TABLES = (
    """CREATE TABLE finals (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        turn_id TEXT NOT NULL UNIQUE,
        run TEXT NOT NULL,
        source TEXT NOT NULL,
        seq INTEGER NOT NULL,
        "start" REAL NOT NULL,
        "end" REAL NOT NULL,
        time REAL NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX finals_of_run ON finals (run, source, seq)",
    # All that a question about a span asks for, in the order of its answer: only what is answered is read.
    'CREATE INDEX finals_said ON finals ("start", id, "end", source, run)',
    """CREATE TABLE revisions (
        id INTEGER PRIMARY KEY,
        final INTEGER NOT NULL,
        run TEXT NOT NULL,
        seq INTEGER NOT NULL,
        time REAL NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (final, run, seq)
    )""",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        topic TEXT NOT NULL,
        run TEXT NOT NULL,
        source TEXT NOT NULL,
        seq INTEGER NOT NULL,
        "start" REAL NOT NULL,
        "end" REAL NOT NULL,
        time REAL NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (run, topic, source, seq)
    )""",
    'CREATE INDEX events_said ON events ("start", id, "end", source, run)',
    # When the first words of a run were said: where a question about one run begins to read.
    "CREATE TABLE runs (run TEXT PRIMARY KEY, first REAL NOT NULL) WITHOUT ROWID",
    """CREATE VIRTUAL TABLE spoken USING fts5 (
        text, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'
    )""",
    # Finals up to this id are in `spoken`.
    "CREATE TABLE indexed (upto INTEGER NOT NULL)",
    "INSERT INTO indexed VALUES (0)",
)

_FROM_1 = (
    "ALTER TABLE finals RENAME TO finals_1",
    "ALTER TABLE revisions RENAME TO revisions_1",
)
"""Rows of version 1 are moved later (`heard.publish.chores.take_over`), under the numbers that they have."""

_BEHIND_1 = "INSERT INTO sqlite_sequence SELECT 'finals', coalesce(max(rowid), 0) FROM finals_1"


class JournalError(Exception):
    """The file is there but cannot be used; the text says why."""


def prepare(database: sqlite3.Connection) -> None:
    """Set a connection up, and the file where it is new or of an earlier version.

    Raises:
        JournalError: a newer heard wrote it.
        sqlite3.Error: it is no database, or cannot be written.
    """
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts for a file without tables alone
    database.execute("PRAGMA journal_mode = WAL")
    settle(database)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalError(f"was written by a newer heard (version {version}; this one writes {VERSION})")
    if version == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    with database:
        for statement in (*_FROM_1, *_TABLES, _BEHIND_1) if version == 1 else _TABLES:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")


def settle(database: sqlite3.Connection) -> None:
    """Set what every connection that writes must have."""
    # In WAL mode this loses nothing when a process is killed; a power cut may cost the last moments.
    database.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is overwritten with zeros.
    database.execute("PRAGMA secure_delete = ON")
    # A checkpoint waits for the disk; it is made where nobody waits for it (`heard.publish.chores`).
    database.execute("PRAGMA wal_autocheckpoint = 0")
    # After one the log begins anew, and its size says how much is in it.
    database.execute("PRAGMA journal_size_limit = 0")
    database.execute("PRAGMA temp_store = MEMORY")


def text_of(body: bytes) -> str:
    """Return the text of a packed final or revision, "" where it cannot be read."""
    try:
        inner: Body = unpack(body)
        return take_or(inner, "text", str, "")
    except WireError:
        # Bytes that rotted on the disk have no words; the rows around them do.
        return ""


def current_text(database: sqlite3.Connection, final: int) -> str:
    """Return what the final's newest revision says, else the final itself: what `spoken` has of it."""
    row = database.execute(
        "SELECT body FROM revisions WHERE final = ? ORDER BY id DESC LIMIT 1", (final,)
    ).fetchone()
    if row is None:
        row = database.execute("SELECT body FROM finals WHERE id = ?", (final,)).fetchone()
    return text_of(row[0])


def is_indexed(database: sqlite3.Connection, final: int) -> bool:
    """Whether `spoken` has it already."""
    (upto,) = database.execute("SELECT upto FROM indexed").fetchone()
    return bool(final <= upto)


def unindex(database: sqlite3.Connection, final: int, text: str) -> None:
    """Take a final out of `spoken`; `text` must be what it was indexed with."""
    database.execute("INSERT INTO spoken (spoken, rowid, text) VALUES ('delete', ?, ?)", (final, text))


def index(database: sqlite3.Connection, final: int, text: str) -> None:
    """Put a final into `spoken`."""
    database.execute("INSERT INTO spoken (rowid, text) VALUES (?, ?)", (final, text))
