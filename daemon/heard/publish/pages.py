"""Core: questions to the journal (ops `history` and `search`) and their answers, a page at a time.

Bodies are passed on as they lie in the file, packed, with their topic behind: a page costs no decoding here.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from heard.publish.span import Span
from heard.publish.words import match
from heard.wire.codec import (
    MAX_MESSAGE_BYTES,
    Body,
    WireError,
    pack,
    pack_around,
    pack_list,
    pack_pair,
    take,
    take_or,
    unpack,
    with_field,
)
from heard.wire.control import Code, ControlError
from heard.wire.topics import Topic, full

LIMIT = 1000
MOST = 10_000
"""The largest `limit`; a page ends before where it has PAGE_BYTES."""
PAGE_BYTES = MAX_MESSAGE_BYTES - 64 * 1024
"""A reply must stay below what a client reads, and so must the answer that carries it."""
LONGEST_TEXT = 10_000
"""Characters of text in a body that would not fit a reply by itself."""
ALL_RUNS = "*"
LARGEST_SEQ = 2**63 - 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the place of its last entry in the order, and its row."""

    place: float
    row: int

    def __str__(self) -> str:
        return f"{self.place!r} {self.row}"

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Return the cursor that was given out as `next`.

        Raises:
            ControlError: it never was.
        """
        place, _, row = text.partition(" ")
        try:
            cursor = cls(float(place), int(row))
        except ValueError:
            cursor = cls(math.nan, 0)
        if not math.isfinite(cursor.place) or abs(cursor.row) > LARGEST_SEQ:
            raise ControlError(Code.BAD_VALUE, "cursor: must be `next` of an earlier page")
        return cursor


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for.

    words    an FTS5 query; "": none, so all
    after    finals of one source and run behind this `seq`, in its order
    revised  a final's newest revision stands in its place
    events   gaps and events of sources and sessions instead of finals
    """

    span: Span
    limit: int = LIMIT
    words: str = ""
    after: int | None = None
    revised: bool = False
    events: bool = False
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Delete what lies in `span`; `dry_run` counts it. `finals` are those of it that are gone already."""

    span: Span
    dry_run: bool
    finals: int = 0


def history(args: Body, run: str) -> Question:
    """Return what the arguments of `history` ask for; `run` is the current one.

    Raises:
        ControlError: an argument is of another type or out of range.
    """
    with_run = _taken(args, "run", "") or run
    question = _common(args)
    after = _taken(args, "after", -1)
    span = replace(question.span, run=None if with_run == ALL_RUNS else with_run)
    if "after" in args and args["after"] is not None:
        if not 0 <= after <= LARGEST_SEQ:
            raise ControlError(Code.BAD_VALUE, f"after: must be a seq, 0 or more, not {after}")
        if span.source is None or span.run is None:
            raise ControlError(
                Code.BAD_VALUE,
                "after: is a seq of one source's finals in one run: name the source, and no run or one",
            )
    return replace(
        question,
        span=span,
        after=after if after >= 0 else None,
        revised=_taken(args, "revised", default=False),
        events=_taken(args, "events", default=False),
    )


def search(args: Body) -> Question:
    """Return what the arguments of `search` ask for: revisions count, all runs, the newest first.

    Raises:
        ControlError: as for `history`; or there is no word.
    """
    try:
        words = match(take(args, "words", str))
    except WireError as error:
        raise ControlError(Code.BAD_REQUEST, str(error)) from None
    except ValueError as error:
        raise ControlError(Code.BAD_VALUE, str(error)) from None
    return replace(_common(args), words=words, revised=True)


def to_forget(args: Body) -> Forget:
    """Return what the arguments of `forget` ask for; everything goes only with `all`.

    Raises:
        ControlError: as for `history`; or nothing is named.
    """
    wanted = replace(span(args), run=_taken(args, "run", "") or None)
    if wanted == Span() and not _taken(args, "all", default=False):
        raise ControlError(Code.BAD_VALUE, "forget: name since, until, source or run, or say all = true")
    return Forget(wanted, _taken(args, "dry_run", default=False))


def check_source(database: sqlite3.Connection, source: str | None, names: Sequence[str]) -> None:
    """Check that a source is one of `names`, or was one when something was journalled.

    Raises:
        ControlError: it never was.
    """
    if source is None or source in names:
        return
    if database.execute("SELECT 1 FROM finals WHERE source = ? LIMIT 1", (source,)).fetchone() is None:
        text = f"no source is called {source!r}, and none was: there are {', '.join(names)}"
        raise ControlError(Code.UNKNOWN_SOURCE, text)


def span(args: Body) -> Span:
    """Return the span that `since`, `until` and `source` name.

    Raises:
        ControlError: an argument is of another type, or a time is no number.
    """
    since, until = _taken(args, "since", -math.inf), _taken(args, "until", math.inf)
    for name, value in (("since", since), ("until", until)):
        # What is not given is infinite; what is given must not be.
        if args.get(name) is not None and not math.isfinite(value):
            raise ControlError(Code.BAD_VALUE, f"{name}: must be a time in Unix seconds, not {value}")
    return Span(since, until, _taken(args, "source", "") or None)


def answer(database: sqlite3.Connection, question: Question) -> bytes:
    """Return the packed result: `transcripts` (or `events`), `more`, and `next` where there is more.

    Raises:
        sqlite3.Error: the file cannot be read, or the connection was interrupted.
    """
    items: list[bytes] = []
    named: dict[tuple[str, str], bytes] = {}
    size = 0
    more = False
    last = question.cursor
    for place, row, topic, source, body in _rows(database, question):
        if (topic, source) not in named:
            named[topic, source] = pack_pair("topic", full(Topic(topic), source))
        item = with_field(_fitting(body), named[topic, source])
        size += len(item)
        if items and (len(items) == question.limit or size > PAGE_BYTES):
            more = True
            break
        items.append(item)
        last = Cursor(place, row)
    rest: Body = {"more": more}
    if more:
        rest["next"] = str(last)
    return pack_around(rest, "events" if question.events else "transcripts", pack_list(items))


def _common(args: Body) -> Question:
    limit = _taken(args, "limit", LIMIT)
    if not 1 <= limit <= MOST:
        raise ControlError(Code.BAD_VALUE, f"limit: must be 1 to {MOST}, not {limit}")
    cursor = _taken(args, "cursor", "")
    return Question(span(args), limit, cursor=Cursor.read(cursor) if cursor else None)


def _taken(args: Body, name: str, default: T) -> T:
    try:
        return take_or(args, name, type(default), default)
    except WireError as error:
        raise ControlError(Code.BAD_REQUEST, str(error)) from None


_Row = tuple[float, int, str, str, bytes]
"""Place in the order, row, topic, source, body."""


def _rows(database: sqlite3.Connection, question: Question) -> Iterator[_Row]:
    """Return what answers the question, in order, one more than the limit at most."""
    where, values = question.span.where()
    cursor = question.cursor
    last: list[object]
    # Without being told, SQLite would rather read all of a run, and sort it.
    table = "events INDEXED BY events_said" if question.events else "finals INDEXED BY finals_said"
    if question.words:
        table, place = "spoken JOIN finals ON finals.id = spoken.rowid", "spoken.rowid"
        where, values = f"spoken MATCH ? AND {where}", [question.words, *values]
        order = "spoken.rowid DESC"
        behind, last = "spoken.rowid < ?", [cursor.row] if cursor else []
    elif question.after is not None:
        table, place, order = "finals", "seq", "seq"
        where, values = f"seq > ? AND {where}", [question.after, *values]
        behind, last = "seq > ?", [int(cursor.place)] if cursor else []
    else:
        place, order = '"start"', '"start", id'
        behind, last = '("start", id) > (?, ?)', [cursor.place, cursor.row] if cursor else []
        if question.span.run is not None and not question.events:
            where += ' AND "start" >= (SELECT first FROM runs WHERE run = ?)'
            values = [*values, question.span.run]
    if cursor:
        where, values = f"{where} AND {behind}", [*values, *last]
    topic = "topic" if question.events else f"'{Topic.FINAL}'"
    newest = "NULL"
    if question.revised and not question.events:
        newest = "(SELECT body FROM revisions WHERE final = finals.id ORDER BY revisions.id DESC LIMIT 1)"
    found = database.execute(
        f"SELECT {place}, id, {topic}, source, body, {newest} "  # noqa: S608  # all parts stand above
        f"FROM {table} WHERE {where} ORDER BY {order} LIMIT ?",
        [*values, question.limit + 1],
    )
    for at, row, of, source, body, revision in found:
        yield (at, row, of, source, body) if revision is None else (at, row, Topic.REVISED, source, revision)


def _fitting(body: bytes) -> bytes:
    """Return a body that fits a reply: one that is too large goes without its words, and with less text."""
    if len(body) <= PAGE_BYTES:
        return body
    kept = {
        name: value[:LONGEST_TEXT] if isinstance(value, str) else value
        for name, value in unpack(body).items()
        if not isinstance(value, list | dict | bytes)
    }
    return pack({**kept, "words": []})
