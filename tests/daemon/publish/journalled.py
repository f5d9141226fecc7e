"""A journal with something in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from heard.publish import chores, pages
from heard.publish.bodies import complete
from heard.publish.journal import FILE_NAME, Journal
from heard.publish.tables import settle
from heard.wire.codec import Body, checked, take, unpack
from heard.wire.events import Event
from heard.wire.topics import Topic

from .test_bodies import transcript

RUN = "run1"
PACE_S = 10.0


def said(
    number: int,
    text: str = "Hello",
    *,
    source: str = "mic",
    run: str = RUN,
    start: float | None = None,
    topic: Topic = Topic.FINAL,
) -> Body:
    """Return a transcript as published: turn `number` began at ten times its number, and took a second."""
    began = PACE_S * number if start is None else start
    body = transcript(turn_id=f"{run}-{source}-{number}", text=text, start=began, end=began + 1.0)
    return complete(Event(topic, source, body), run, number, began + 2.0)


def written(folder: Path, bodies: Sequence[Body]) -> Journal:
    """Return a journal with these finals."""
    journal = Journal(folder, 0.0)
    for body in bodies:
        journal.append(Topic.FINAL, body, 0.0)
    return journal


@contextmanager
def opened(folder: Path, *, index: bool = True) -> Iterator[sqlite3.Connection]:
    """Yield a connection as `Lookup` has one."""
    with closing(sqlite3.connect(folder / FILE_NAME, isolation_level=None)) as database:
        settle(database)
        if index:
            assert list(chores.index(database)).count(0) >= 0
        yield database


def found(database: sqlite3.Connection, question: pages.Question, name: str = "transcripts") -> list[Body]:
    """Return the bodies of one page."""
    return [checked(each, name, dict) for each in take(unpack(pages.answer(database, question)), name, list)]


def numbers(database: sqlite3.Connection, question: pages.Question) -> list[int]:
    """Return the `seq` of each transcript of one page."""
    return [take(body, "seq", int) for body in found(database, question)]


def leftovers(folder: Path, word: str) -> list[str]:
    """Return the names of the files that hold a word."""
    return sorted(path.name for path in folder.iterdir() if word.encode() in path.read_bytes())
