"""The journal's second thread: it answers, does its chores, and holds the writer up for a moment only."""

from __future__ import annotations

import itertools
import select
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import cast

import pytest

from heard.publish import chores, lookup, pages
from heard.publish.journal import FILE_NAME, Journal
from heard.publish.lookup import Lookup, Task
from heard.settings import Publish
from heard.wire.codec import Body, unpack
from heard.wire.control import Code, ControlError
from heard.wire.report import Answer
from heard.wire.topics import Topic

from ...support.poll import until
from .journalled import RUN, leftovers, opened, said, written

WAIT_S = 30.0
KEEP = Publish(journal_days=0)


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_long_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "ANSWER_S", 2 * WAIT_S)


class Counted:
    """A lock that counts how often each thread has held it."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> bool:
        self._lock.acquire()
        self.held[threading.current_thread().name] += 1
        return True

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Asked:
    """A `Lookup` and what came of it."""

    def __init__(self, running: Lookup) -> None:
        self.running = running
        self.answers: dict[int, Answer] = {}
        self.removed = 0

    def ask(self, number: int, wanted: pages.Question | pages.Forget) -> None:
        """Hand a task over."""
        self.running.ask(Task(number, wanted, ("mic",)))

    def answer(self, number: int) -> Answer:
        """Wait for an answer as `publish` does."""

        def found() -> Answer | None:
            if select.select([self.running.descriptor], [], [], 0)[0]:
                answers, removed = self.running.taken()
                self.answers.update({each.number: each for each in answers})
                self.removed += removed
            return self.answers.get(number)

        answer = until(found, WAIT_S, f"answer {number}")
        assert answer is not None
        return answer


@contextmanager
def looking(folder: Path, settings: Publish = KEEP, writing: threading.Lock | None = None) -> Iterator[Asked]:
    """Run the thread on the journal in `folder`."""
    running = Lookup(folder / FILE_NAME, settings, writing or threading.Lock())
    try:
        yield Asked(running)
    finally:
        running.close()


def history(**args: object) -> pages.Question:
    return pages.history(dict(args), RUN)


def search(words: str) -> pages.Question:
    return pages.search({"words": words})


def count(answer: Answer) -> int:
    """Return how many transcripts an answer has."""
    assert answer.code is None, answer.message
    transcripts = unpack(answer.packed)["transcripts"]
    assert isinstance(transcripts, list)
    return len(transcripts)


def test_what_was_just_said_is_found(tmp_path: Path) -> None:
    """The index is brought up to date before it is searched."""
    journal = written(tmp_path, [said(1)])
    with looking(tmp_path) as asked:
        for number in range(2, 12):
            journal.append(Topic.FINAL, said(number, f"word{number}"), 0.0)
            asked.ask(number, search(f"word{number}"))
            assert count(asked.answer(number)) == 1
        asked.ask(20, history())
        assert count(asked.answer(20)) == 11


def test_the_index_is_made_without_being_asked(tmp_path: Path) -> None:
    """Once there is something to do."""
    written(tmp_path, [said(n) for n in range(1, 200)])
    with looking(tmp_path), opened(tmp_path, index=False) as database:
        until(lambda: chores.unindexed(database) == 0, WAIT_S, "the index")


def test_limits_are_kept_without_being_asked(tmp_path: Path) -> None:
    """The thread deletes what is too old, says how much, and cleans the index."""
    written(tmp_path, [said(n, "ancient") for n in range(1, 100)])
    with looking(tmp_path, Publish(journal_days=1)) as asked, opened(tmp_path, index=False) as database:

        def gone() -> bool:
            asked.removed += asked.running.taken()[1]
            return asked.removed == 99

        until(gone, WAIT_S, "the deletion")
        query = "SELECT count(*) FROM spoken_data WHERE instr(block, 'ancient')"
        until(lambda: database.execute(query).fetchone() == (0,), WAIT_S, "a clean index")


def test_a_log_that_has_grown_is_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has what the log had; the writer never does this, since it waits for the disk."""
    monkeypatch.setattr(lookup, "LOG_BYTES", 20_000)
    journal = written(tmp_path, [said(n) for n in range(1, 40)])
    before = (tmp_path / FILE_NAME).stat().st_size
    wal = tmp_path / f"{FILE_NAME}-wal"
    assert wal.stat().st_size > 100_000
    with looking(tmp_path):
        until(lambda: (tmp_path / FILE_NAME).stat().st_size > before, WAIT_S, "the checkpoint")
        numbers = itertools.count(40)

        def small() -> bool:
            journal.append(Topic.FINAL, said(next(numbers)), 0.0)
            return wal.stat().st_size < 100_000

        until(small, WAIT_S, "a log that begins anew")


def test_forgetting_reports_what_it_could_not_reach(tmp_path: Path) -> None:
    """A reader holds the log; a damaged journal is not ours to read; both are named."""
    written(tmp_path, [said(1, "secret"), said(2)])
    (tmp_path / f"{FILE_NAME}.damaged-1").write_text("secret")
    with looking(tmp_path) as asked:
        with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM finals").fetchone()
            asked.ask(1, pages.to_forget({"until": 15.0}))
            left = [f"{FILE_NAME}.damaged-1", f"{FILE_NAME}-wal"]
            assert asked.answer(1).result == {"finals": 1, "events": 0, "left": left}
        asked.ask(2, pages.to_forget({"until": 15.0}))
        assert asked.answer(2).result == {"finals": 0, "events": 0, "left": left[:1]}
        assert asked.removed == 1
    assert leftovers(tmp_path, "secret") == left[:1]


def test_a_dry_run_counts(tmp_path: Path) -> None:
    """Nothing is deleted."""
    written(tmp_path, [said(1), said(2)])
    with looking(tmp_path) as asked:
        asked.ask(1, pages.to_forget({"all": True, "dry_run": True}))
        assert asked.answer(1).result == {"finals": 2, "events": 0}
        asked.ask(2, history())
        assert count(asked.answer(2)) == 2


def test_a_journal_that_is_not_there_or_not_ours(tmp_path: Path) -> None:
    """The client hears where it should be; the thread goes on once it is there."""
    with looking(tmp_path) as asked:
        asked.ask(1, history())
        assert (asked.answer(1).code, str(tmp_path) in asked.answer(1).message) == (Code.NOT_AVAILABLE, True)
        asked.ask(2, pages.to_forget({"all": True}))
        assert asked.answer(2).code is Code.NOT_AVAILABLE
        with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database:
            database.execute("PRAGMA user_version = 99")
        asked.ask(3, history())
        assert asked.answer(3).code is Code.NOT_AVAILABLE
        (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
        asked.ask(4, history())
        assert "cannot be read" in asked.answer(4).message
        (tmp_path / FILE_NAME).unlink()
        Journal(tmp_path, 0.0).close()
        asked.ask(5, history())
        assert count(asked.answer(5)) == 0


def test_a_search_that_takes_too_long_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what would be quicker."""
    monkeypatch.setattr(lookup, "ANSWER_S", 0.0)
    monkeypatch.setattr(lookup, "STEPS", 10)
    written(tmp_path, [said(n) for n in range(1, 50)])
    with looking(tmp_path) as asked:
        asked.ask(1, history())
        answer = asked.answer(1)
        assert answer.code is Code.NOT_AVAILABLE
        assert "ask for rarer words, or a shorter span" in answer.message


def test_only_so_many_may_wait(tmp_path: Path) -> None:
    """More are refused at once."""
    written(tmp_path, [said(1)])
    held = threading.Lock()
    refused = 0
    with looking(tmp_path, writing=held) as asked, held:
        # The thread may have taken one or two before it had to wait for the lock.
        for number in range(lookup.WAITING + 3):
            try:
                asked.ask(number, search("word"))
            except ControlError as error:
                refused += "are waiting already" in error.message
    assert 1 <= refused <= 3


def test_the_writer_waits_a_moment_only(tmp_path: Path) -> None:
    """While a thousand rows are indexed and deleted, the lock is let go after each few."""
    counted = Counted()
    writing = cast("threading.Lock", counted)
    journal = Journal(tmp_path, 0.0, writing)
    for number in range(1, 1001):
        journal.append(Topic.FINAL, said(number, "some words of a turn"), 0.0)
    with looking(tmp_path, writing=writing) as asked:
        asked.ask(1, pages.to_forget({"all": True}))
        number = 1001
        while 1 not in asked.answers:
            body: Body = said(number, "some words of a turn")
            journal.append(Topic.FINAL, body, 0.0)
            number += 1
            answers, _ = asked.running.taken()
            asked.answers.update({each.number: each for each in answers})
            time.sleep(0.002)
    assert journal.faults == 0
    # How long each hold may be, `test_steps_are_small` says by its rows.
    assert counted.held["lookup"] > 1000 / chores.DELETE_ROWS
