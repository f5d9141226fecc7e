"""The journal's second thread: answers questions to it and does its chores, from a connection of its own.

`publish` hands a `Task` over and is woken when there is an answer; neither a search nor a deletion holds
an event up. A chore has the `writing` lock for one of its short transactions at a time, and rests for as long
as that took; a question comes before the next one.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heard.publish import chores, pages
from heard.publish.pages import Forget, Question
from heard.publish.tables import VERSION, settle
from heard.settings import Publish
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError
from heard.wire.report import Answer

log = logging.getLogger(__name__)

ANSWER_S = 3.0
"""A search that takes longer is broken off; `supervise` waits 5 s."""
STEPS = 10_000
"""SQLite's instructions between two looks at the clock."""
WAITING = 100
"""Questions that may wait; more are refused."""
IDLE_S = 0.5
LONGEST_REST_S = 0.02
BUSY_S = 0.2
CLOSE_S = 2.0
INDEX_S = 10.0
"""What was said is in the index after so long, or when it is searched."""
INDEX_NOW = 5000
"""As many finals are indexed while a search waits."""
LOG_BYTES = 4_000_000
"""A write-ahead log of so many bytes is brought into the file."""
PRUNE_S = 600.0
MERGE_S = chores.DAY_S
"""What was pruned is gone from the index after so long at most."""
RETRY_S = 10.0
MB = 1_000_000
TRUNCATE_TRIES = 5


@dataclass(frozen=True, slots=True)
class Task:
    """What an order asks for; `number` is the order's, `names` those of the sources there are."""

    number: int
    wanted: Question | Forget
    names: tuple[str, ...] = ()


class Lookup:
    """The thread, from its start to `close`. All methods are for the thread that made it."""

    def __init__(self, path: Path, settings: Publish, writing: threading.Lock) -> None:
        """Start it; `path` is the journal's file, `writing` is held for each transaction."""
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        """Can be read when `taken` has something."""
        self.faults = 0
        """Chores that failed."""
        self._path = path
        self._settings = settings
        self._writing = writing
        self._tasks: queue.Queue[Task] = queue.Queue(WAITING)
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._removed: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._forgetting: deque[Task] = deque()
        self._chore: Iterator[int] | None = None
        self._failing = False
        self._index_at = self._prune_at = self._merge_at = self._retry_at = 0.0
        self._pruned = False
        self._log_seen = 0
        self._log_limit = LOG_BYTES
        self._thread = threading.Thread(target=self._run, name="lookup", daemon=True)
        self._thread.start()

    def ask(self, task: Task) -> None:
        """Hand a task over.

        Raises:
            ControlError: too many are waiting.
        """
        try:
            self._tasks.put_nowait(task)
        except queue.Full:
            raise ControlError(
                Code.NOT_AVAILABLE, f"{WAITING} questions are waiting already; try again"
            ) from None

    def taken(self) -> tuple[list[Answer], int]:
        """Return the answers that have come, and how many finals are gone since the last call."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        answers, removed = [], 0
        while not self._answers.empty():
            answers.append(self._answers.get())
        while not self._removed.empty():
            removed += self._removed.get()
        return answers, removed

    def close(self) -> None:
        """End the thread; what it has begun is broken off between two transactions."""
        self._stopping.set()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            os.close(self.descriptor)

    def _run(self) -> None:
        rest_s = 0.0
        while not self._stopping.is_set():
            try:
                task = self._tasks.get(timeout=rest_s) if rest_s else self._tasks.get_nowait()
            except queue.Empty:
                rest_s = self._step()
                continue
            if isinstance(task.wanted, Forget) and not task.wanted.dry_run:
                self._forgetting.append(task)
                self._retry_at = 0.0
            else:
                self._answer(self._answered(task))
        self._closed()

    def _answered(self, task: Task) -> Answer:
        """Return the answer to a question, whatever happens."""
        deadline = time.monotonic() + ANSWER_S

        def too_long() -> bool:
            return self._stopping.is_set() or time.monotonic() > deadline

        try:
            database = self._opened()
            database.set_progress_handler(too_long, STEPS)
            try:
                pages.check_source(database, task.wanted.span.source, task.names)
                if isinstance(task.wanted, Forget):
                    finals, events = chores.found(database, task.wanted.span)
                    return Answer(task.number, {"finals": len(finals), "events": len(events)})
                if task.wanted.words:
                    self._index_now(database)
                return Answer(task.number, packed=pages.answer(database, task.wanted))
            finally:
                database.set_progress_handler(None, 0)
        except ControlError as error:
            return Answer(task.number, code=error.code, message=error.message)
        except sqlite3.OperationalError as error:
            text = f"{self._path}: cannot be read: {error}"
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                text = f"took longer than {ANSWER_S:g} s: ask for rarer words, or a shorter span"
            return Answer(task.number, code=Code.NOT_AVAILABLE, message=text)
        except (sqlite3.Error, OSError) as error:
            return Answer(
                task.number, code=Code.NOT_AVAILABLE, message=f"{self._path}: cannot be read: {error}"
            )
        except Exception:
            # One bad question must not end the thread; the log has the trace.
            log.exception("a question to the journal failed")
            return Answer(
                task.number, code=Code.INTERNAL, message="the journal could not answer; see the log"
            )

    def _index_now(self, database: sqlite3.Connection) -> None:
        waiting = chores.unindexed(database)
        if not chores.is_taken_over(database):
            text = "the journal of an earlier heard is being taken over; try again"
            raise ControlError(Code.NOT_AVAILABLE, text)
        if waiting > INDEX_NOW:
            raise ControlError(
                Code.NOT_AVAILABLE, f"the index is being made: {waiting} finals to go; try again"
            )
        steps = chores.index(database)
        while self._next(steps) is not None:
            pass

    def _next(self, steps: Iterator[int]) -> int | None:
        """Let a chore do one transaction; None where it is at its end."""
        with self._writing:
            return next(steps, None)

    def _step(self) -> float:
        """Do one transaction of a chore, if there is one; return how long to rest."""
        began = time.monotonic()
        if began < self._retry_at:
            return IDLE_S
        try:
            database = self._opened()
            self._bring_in(database)
            if self._chore is None:
                self._chore = self._due(database, began)
            if self._chore is None:
                return IDLE_S
            removed = self._next(self._chore)
            self._failing = False
        except (sqlite3.Error, OSError, ControlError) as error:
            self._failed(error, began)
            return IDLE_S
        except Exception as error:
            # One bad row must not end the thread; the log has the trace.
            log.exception("the journal could not be kept in order")
            self._failed(error, began)
            return IDLE_S
        if removed is None:
            self._chore = None
        elif removed:
            self._removed.put(removed)
            os.eventfd_write(self.descriptor, 1)
        return min(time.monotonic() - began, LONGEST_REST_S)

    def _failed(self, error: Exception, now: float) -> None:
        self._chore = None
        self._retry_at = now + RETRY_S
        if self._forgetting:
            task = self._forgetting.popleft()
            code, text = Code.NOT_AVAILABLE, f"{self._path}: not all could be deleted: {error}; try again"
            if isinstance(error, ControlError):
                code, text = error.code, error.message
            self._answer(Answer(task.number, code=code, message=text))
            self._retry_at = now
        # A journal that is not there yet is for the one to tell who makes it.
        if isinstance(error, ControlError):
            return
        self.faults += 1
        if not self._failing:
            log.error("%s: cannot be kept in order: %s; tried again later", self._path, error)
        self._failing = True
        self._closed()

    def _due(self, database: sqlite3.Connection, now: float) -> Iterator[int] | None:
        """Return the chore that is to be done next."""
        if not chores.is_taken_over(database):
            return chores.take_over(database)
        if self._forgetting:
            span = self._forgetting[0].wanted.span
            pages.check_source(database, span.source, self._forgetting[0].names)
            return self._forget(database, *chores.found(database, span))
        waiting = chores.unindexed(database)
        if waiting >= chores.INDEX_ROWS or (waiting and now >= self._index_at):
            self._index_at = now + INDEX_S
            return chores.index(database)
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_S
            return self._prune(database)
        if self._pruned and now >= self._merge_at:
            self._pruned = False
            self._merge_at = now + MERGE_S
            return chores.merge(database)
        return None

    def _prune(self, database: sqlite3.Connection) -> Iterator[int]:
        limits = (self._settings.journal_days, self._settings.journal_max_mb * MB)
        for removed in chores.prune(database, time.time(), *limits):
            self._pruned = self._pruned or removed > 0
            yield removed

    def _forget(self, database: sqlite3.Connection, finals: list[int], events: list[int]) -> Iterator[int]:
        yield from chores.forget(database, finals, events)
        # What is left to do with the lock held shall be little.
        self._log_limit = 0
        yield 0
        left = sorted(path.name for path in self._path.parent.glob(f"{self._path.name}.damaged-*"))
        for _ in range(TRUNCATE_TRIES):
            if chores.truncate(database):
                break
            yield 0
        else:
            left.append(f"{self._path.name}-wal")
        task = self._forgetting.popleft()
        waited = task.wanted.finals if isinstance(task.wanted, Forget) else 0
        result: Body = {"finals": len(finals) + waited, "events": len(events), "left": left}
        self._answer(Answer(task.number, result))

    def _answer(self, answer: Answer) -> None:
        self._answers.put(answer)
        os.eventfd_write(self.descriptor, 1)

    def _opened(self) -> sqlite3.Connection:
        """Return the connection to the file that is at the path now.

        Raises:
            ControlError: there is none, or it is of another version.
        """
        try:
            inode = self._path.stat().st_ino
        except OSError:
            self._closed()
            raise ControlError(
                Code.NOT_AVAILABLE, f"{self._path}: is not there: see `heardctl status`"
            ) from None
        if self._database is not None and inode == self._inode:
            return self._database
        self._closed()
        database = sqlite3.connect(
            f"{self._path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S
        )
        try:
            self._check_version(database)
            settle(database)
        except (sqlite3.Error, ControlError):
            database.close()
            raise
        self._database, self._inode = database, inode
        return database

    def _check_version(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            text = f"{self._path}: is not readable yet: see `heardctl status`"
            raise ControlError(Code.NOT_AVAILABLE, text)

    def _closed(self) -> None:
        self._chore = None
        if self._database is not None:
            self._database.close()
            self._database = None

    def _bring_in(self, database: sqlite3.Connection) -> None:
        """Bring the log into the file where it has grown; this waits for the disk, and holds nobody up."""
        log_bytes = self._path.with_name(f"{self._path.name}-wal").stat().st_size
        # Afterwards it keeps its size until the next append.
        if log_bytes > self._log_limit and log_bytes != self._log_seen:
            chores.checkpoint(database)
            self._log_seen, self._log_limit = log_bytes, LOG_BYTES
