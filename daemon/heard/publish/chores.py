"""Core: what is done to the journal beside appending: indexing, deleting, giving space back.

Each chore is a generator of short transactions: it has done one and holds no lock whenever it yields, so an
append waits for a few milliseconds at most, and whoever runs it may rest, or answer a question, in between.
It yields how many finals are gone (less than none where there are more).

Deleting is for good. `PRAGMA secure_delete` overwrites rows with zeros. The full-text index only notes a
deletion until its parts are merged, so they are merged (`merge`). The write-ahead log holds older pages until
it is truncated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from heard.publish.span import Span
from heard.publish.tables import current_text, is_indexed, unindex

MOVE_ROWS = 50
INDEX_ROWS = 50
DELETE_ROWS = 20
MERGE_PAGES = 8
VACUUM_PAGES = 64
DAY_S = 86400.0
MARGIN = 0.95


def is_taken_over(database: sqlite3.Connection) -> bool:
    """Whether nothing is left to do for `take_over`."""
    return database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'finals_1'").fetchone() is None


def take_over(database: sqlite3.Connection) -> Iterator[int]:
    """Move the rows of a file of version 1 into the tables of this one; must come before `index`."""
    columns = 'turn_id, run, source, seq, "start", "end", time, body'
    while ids := database.execute("SELECT rowid FROM finals_1 LIMIT ?", (MOVE_ROWS,)).fetchall():
        with database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                f"INSERT INTO finals (id, {columns}) SELECT rowid, {columns} FROM finals_1 WHERE rowid = ?",  # noqa: S608  # ours
                ids,
            )
            database.executemany(
                "INSERT INTO revisions (final, run, seq, time, body) "
                "SELECT finals_1.rowid, revisions_1.run, revisions_1.seq, revisions_1.time, revisions_1.body "
                "FROM finals_1 JOIN revisions_1 USING (turn_id) WHERE finals_1.rowid = ?",
                ids,
            )
            database.executemany(
                'INSERT INTO runs SELECT run, "start" FROM finals_1 WHERE rowid = ? '
                "ON CONFLICT DO UPDATE SET first = excluded.first WHERE excluded.first < first",
                ids,
            )
            database.executemany("DELETE FROM finals_1 WHERE rowid = ?", ids)
        yield -len(ids)
    with database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DROP TABLE finals_1")
        database.execute("DROP TABLE revisions_1")


def unindexed(database: sqlite3.Connection) -> int:
    """Return how many finals wait for `index`, at most."""
    (newest,) = database.execute("SELECT coalesce(max(id), 0) FROM finals").fetchone()
    (upto,) = database.execute("SELECT upto FROM indexed").fetchone()
    return max(0, int(newest) - int(upto))


def index(database: sqlite3.Connection) -> Iterator[int]:
    """Put what was said since the last time into the full-text index."""
    while True:
        with database:
            database.execute("BEGIN IMMEDIATE")
            ids = database.execute(
                "SELECT id FROM finals WHERE id > (SELECT upto FROM indexed) ORDER BY id LIMIT ?",
                (INDEX_ROWS,),
            ).fetchall()
            rows = [(final, current_text(database, final)) for (final,) in ids]
            database.executemany("INSERT INTO spoken (rowid, text) VALUES (?, ?)", rows)
            if ids:
                database.execute("UPDATE indexed SET upto = ?", ids[-1])
        if len(ids) < INDEX_ROWS:
            return
        yield 0


def found(database: sqlite3.Connection, span: Span) -> tuple[list[int], list[int]]:
    """Return the rows of `finals` and of `events` in `span`, for `forget`; reads all that is older, too."""
    where, values = span.where(reach_s=float("inf"))
    finals, events = (
        [int(row) for (row,) in database.execute(f"SELECT id FROM {table} WHERE {where}", values)]  # noqa: S608  # two names
        for table in ("finals", "events")
    )
    return finals, events


def forget(database: sqlite3.Connection, finals: Sequence[int], events: Sequence[int]) -> Iterator[int]:
    """Delete these rows, their words in the full-text index, and give the space back."""
    for table, rows in (("finals", finals), ("events", events)):
        for first in range(0, len(rows), DELETE_ROWS):
            yield _delete(database, table, rows[first : first + DELETE_ROWS])
    yield from merge(database)
    yield from vacuum(database)


def prune(database: sqlite3.Connection, now: float, days: int, max_bytes: int) -> Iterator[int]:
    """Delete what is older than `days`, and the oldest beyond `max_bytes`; 0 sets no limit.

    What is beyond the limit goes with a margin, so that this is rare. The index is to be merged later.
    """
    if days:
        before = now - days * DAY_S
        # It stays so long after it was published; what was said before that is what has an index.
        yield from _both(database, '"start" < ? AND time < ?', [before, before])
    if max_bytes and used_bytes(database) > max_bytes:
        while used_bytes(database) > MARGIN * max_bytes:
            row = database.execute(
                'SELECT "start" FROM finals ORDER BY "start" LIMIT 1 OFFSET ?', (DELETE_ROWS,)
            ).fetchone()
            yield from _both(database, '"start" < ?', [row[0] if row else float("inf")])
            if row is None:
                break
    yield from vacuum(database)


def _both(database: sqlite3.Connection, where: str, values: list[object]) -> Iterator[int]:
    """Delete the finals and events that match, the oldest first, a few at a time."""
    for table in ("finals", "events"):
        query = f'SELECT id FROM {table} WHERE {where} ORDER BY "start", id LIMIT {DELETE_ROWS}'  # noqa: S608  # ours
        while rows := [int(row) for (row,) in database.execute(query, values)]:
            yield _delete(database, table, rows)


def used_bytes(database: sqlite3.Connection) -> int:
    """Return what the file holds; pages that are free for what comes do not count."""
    pages, free, size = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def merge(database: sqlite3.Connection) -> Iterator[int]:
    """Merge the full-text index into one part, which holds nothing of what was deleted.

    By the steps that SQLite's documentation gives (FTS5, "The 'merge' Command"): a negative number begins,
    and there is no more to do once a step changes fewer than two rows.
    """
    pages = -MERGE_PAGES
    while True:
        before = database.total_changes
        with database:
            database.execute("INSERT INTO spoken (spoken, rank) VALUES ('merge', ?)", (pages,))
        if database.total_changes - before < 2:
            return
        pages = MERGE_PAGES
        yield 0


def vacuum(database: sqlite3.Connection) -> Iterator[int]:
    """Give free pages back to the file system."""
    while int(database.execute("PRAGMA freelist_count").fetchone()[0]) > VACUUM_PAGES:
        before = int(database.execute("PRAGMA page_count").fetchone()[0])
        # Each step of this statement frees one page; `execute` would do a single one.
        database.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        if int(database.execute("PRAGMA page_count").fetchone()[0]) >= before:
            return  # a file of an earlier version cannot shrink; its free pages are used again
        yield 0


def checkpoint(database: sqlite3.Connection) -> None:
    """Bring the write-ahead log into the file, as far as that goes without waiting for anybody."""
    database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def truncate(database: sqlite3.Connection) -> bool:
    """Empty the write-ahead log; False where another program reads it at the moment."""
    busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _delete(database: sqlite3.Connection, table: str, rows: Sequence[int]) -> int:
    """Delete rows of `finals` or `events` in one transaction; return how many finals that were."""
    ids = [(row,) for row in rows]
    with database:
        database.execute("BEGIN IMMEDIATE")
        if table == "finals":
            for row in rows:
                if is_indexed(database, row):
                    unindex(database, row, current_text(database, row))
            database.executemany("DELETE FROM revisions WHERE final = ?", ids)
        database.executemany(f"DELETE FROM {table} WHERE id = ?", ids)  # noqa: S608  # one of two names
    return len(rows) if table == "finals" else 0
