"""The journal at a million finals: append, search, the export of a day; beside what one would do first.

    python -m tests.bench.journal [--finals 1000000] [--folder DIR]

What one would do first: one table with an index of its text, all in the same transaction, SQLite's own
settings; and without an index, reading all rows. The file takes 1.6 GB at a million; in DIR it is kept for
the next time, and a copy is measured. Append and search are measured in one process as `publish` has them:
the writer, and the thread that indexes and answers. The export goes through a running daemon.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import resource
import select
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from heard.publish import chores, pages
from heard.publish.bodies import complete
from heard.publish.journal import FILE_NAME, Journal
from heard.publish.lookup import Lookup, Task
from heard.publish.span import Span
from heard.publish.tables import prepare
from heard.settings import Publish
from heard.wire.codec import Body, pack, take
from heard.wire.events import Event
from heard.wire.report import Answer
from heard.wire.topics import Topic

from ..support import processes
from ..support.v3_server import v3_server
from ..system.coded import recording
from ..system.running import control, daemon, folder

DAY_S = 86400.0
DAYS = 100
FIRST = 1_700_006_400.0
"""Midnight UTC."""
RUN = "0123456789ab"
VOCABULARY = 20_000
WORDS = 12
APPENDS = 2000
ASKED = 15
KEEP = Publish(journal_days=0)


class Talk:
    """Turns of twelve words, the words as frequent as those of a language (Zipf), always the same."""

    def __init__(self, a_day: float) -> None:
        self._random = random.Random(1)
        self._words = [f"w{number}" for number in range(VOCABULARY)]
        self._weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
        self._pace_s = DAY_S / a_day

    def turn(self, number: int) -> Body:
        """Return the body of turn `number` as published."""
        said = self._random.choices(self._words, cum_weights=self._weights, k=WORDS)
        start = FIRST + number * self._pace_s
        words = [
            {
                "text": word,
                "start": start + n * 0.3,
                "end": start + n * 0.3 + 0.25,
                "confidence": 0.9,
                "final": True,
            }
            for n, word in enumerate(said)
        ]
        trace = dict.fromkeys(("capture", "denoise", "upstream", "recognize"), 50.5)
        body: Body = {
            "turn_id": f"{RUN}-mic-{number * 100_000}", "session": "0123-4567-89ab", "text": " ".join(said),
            "start": start, "end": start + WORDS * 0.3, "words": words, "confidence": 0.9, "backfill": False,
            "latency_ms": trace,
        }  # fmt: skip
        return complete(Event(Topic.FINAL, "mic", body), RUN, number + 1, start + WORDS * 0.3 + 1)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds."""

    took: list[float]

    def __str__(self) -> str:
        ordered = sorted(self.took)
        return f"{statistics.median(ordered):.2f} / {ordered[int(len(ordered) * 0.99)]:.2f} ms"


def main() -> int:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--finals", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    console = Console(width=110)
    talk = Talk(options.finals / DAYS)
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        state = Path(temporary)
        began = time.monotonic()
        kept = (options.folder or state) / f"journal-{options.finals}.sqlite3"
        if not kept.exists():
            build(state, talk, options.finals)
            shutil.copyfile(state / FILE_NAME, kept)
        shutil.copyfile(kept, state / FILE_NAME)
        size = (state / FILE_NAME).stat().st_size
        console.print(
            f"{options.finals:,} finals over {DAYS} days in {time.monotonic() - began:.0f} s; "
            f"{size / options.finals:.0f} bytes each; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        table = Table("", "target", "heard", "what one would do first", title_justify="left")
        rows = (
            *appends(state, talk, options.finals),
            *searches(state),
            export(state),
            *forgetting(state, talk),
        )
        for row in rows:
            table.add_row(*row)
        console.print(table)
        console.print("append: median / 99th percentile")
    return 0


def build(state: Path, talk: Talk, finals: int) -> None:
    """Write a journal with so many finals, and index them."""
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as database:
        prepare(database)
        for first in range(0, finals, 1000):
            bodies = [talk.turn(number) for number in range(first, min(first + 1000, finals))]
            rows = [
                [body[name] for name in ("turn_id", "run", "source", "seq", "start", "end", "time")]
                + [pack(body)]
                for body in bodies
            ]
            with database:
                database.execute("BEGIN")
                database.executemany(
                    'INSERT INTO finals (turn_id, run, source, seq, "start", "end", time, body) '
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
            for _ in chores.index(database):
                pass
            if first % 50_000 == 0:
                chores.checkpoint(database)
        database.execute("INSERT INTO runs VALUES (?, ?)", (RUN, FIRST))
        chores.truncate(database)


def appends(state: Path, talk: Talk, finals: int) -> list[tuple[str, str, str, str]]:
    """Measure the append, alone and while somebody searches, taking turns with the obvious one."""
    writing = threading.Lock()
    ours: dict[bool, list[float]] = {False: [], True: []}
    theirs: list[float] = []
    number = itertools.count(finals)
    journal = Journal(state, 0.0, writing)
    with looking(state, writing) as ask, obvious(state, talk) as append:
        for busy in (False, True):
            stop = threading.Event()
            load = threading.Thread(target=_search_on, args=(ask, stop))
            if busy:
                load.start()
            for _ in range(APPENDS):
                body = talk.turn(next(number))
                ours[busy].append(_ms(partial(journal.append, Topic.FINAL, body, 0.0)))
                if not busy:
                    theirs.append(_ms(partial(append, body)))
                # Somebody else's turn: nobody says a thousand turns a second.
                time.sleep(0.002)
            if busy:
                stop.set()
                load.join()
    journal.close()
    return [
        ("append", "p99 ≤ 5 ms", str(Times(ours[False])), str(Times(theirs))),
        ("  while somebody searches all the time", "p99 ≤ 5 ms", str(Times(ours[True])), "-"),
    ]


def searches(state: Path) -> list[tuple[str, str, str, str]]:
    """Measure searches, from the question to the packed answer."""
    rows = []
    with looking(state, threading.Lock()) as ask, closing(sqlite3.connect(state / FILE_NAME)) as database:
        for title, words, scanned in (
            ("search: a rare word", f"w{VOCABULARY - 7}", f"w{VOCABULARY - 7}"),
            ("  the most common one", "w0", None),
            ("  two common words, a thousand turns", "w3 w50", None),
            ("  a phrase", '"w1 w2"', "w1 w2"),
            ("  beginning with", "w1999*", None),
        ):
            question = pages.search({"words": words})
            took = [_ms(partial(ask, question)) for _ in range(ASKED)]
            scan = "-"
            if scanned is not None:
                scan = f"{_ms(partial(scan_all, database, scanned)):.0f} ms"
            rows.append((title, "≤ 100 ms", f"{statistics.median(took):.1f} ms, worst {max(took):.1f}", scan))
    return rows


def scan_all(database: sqlite3.Connection, text: str) -> None:
    """Read every turn and look into it."""
    query = "SELECT body FROM finals NOT INDEXED WHERE instr(body, ?) ORDER BY id DESC LIMIT 1000"
    database.execute(query, (text.encode(),)).fetchall()


def export(state: Path) -> tuple[str, str, str, str]:
    """Measure `heardctl history --format srt` of the middle day, the program's own start included."""
    since = FIRST + DAY_S * (DAYS // 2)
    with folder() as place, v3_server() as server:
        (place / "state").mkdir(mode=0o700)
        for path in state.glob(f"{FILE_NAME}*"):
            os.link(path, place / "state" / path.name) if _same(path, place) else shutil.copy(
                path, place / "state"
            )
        source = {
            "name": "mic",
            "input": "file",
            "path": str(recording(place, 2)),
            "denoise": {"backend": "off"},
        }
        with daemon(
            [source],
            env={**os.environ, "ASSEMBLYAI_API_KEY": "canary"},
            place=place,
            upstream={"service": "assemblyai", "url": server.url},
            publish={"journal_days": 0},
            limit_s=600,
        ) as heard:
            heard.wait_ready()
            took, cues = [], 0
            before_s = _children_s()
            for _ in range(3):
                words = control(
                    *("history", "--since", f"@{since}", "--until", f"@{since + DAY_S}", "--format", "srt"),
                    *("--endpoint", f"ipc://{heard.folder}/control"),
                )
                done = processes.run(words, limit_s=300)
                took.append(done.seconds)
                cues = done.stdout.count(" --> ")
            cpu_s = (_children_s() - before_s) / 3
            with closing(sqlite3.connect(place / "state" / FILE_NAME)) as database:
                query = 'SELECT body FROM finals NOT INDEXED WHERE "start" >= ? AND "start" < ?'
                scan_ms = _ms(lambda: database.execute(query, (since, since + DAY_S)).fetchall())
    return (
        f"export of a day as SRT ({cues:,} cues)",
        "≤ 1 s",
        f"{statistics.median(took):.2f} s (CPU {cpu_s:.2f})",
        f"{scan_ms / 1000:.2f} s for the rows alone",
    )


def forgetting(state: Path, talk: Talk) -> list[tuple[str, str, str, str]]:
    """Measure how long it takes to delete a day for good, and the append meanwhile."""
    writing = threading.Lock()
    journal = Journal(state, 0.0, writing)
    since = FIRST + DAY_S * (DAYS // 4)
    took: list[float] = []
    gone: list[Answer] = []
    numbers = itertools.count(10 * int(since))
    with looking(state, writing) as ask:
        began = time.monotonic()
        day = threading.Thread(
            target=lambda: gone.append(ask(pages.Forget(Span(since, since + DAY_S), False)))
        )
        day.start()
        while day.is_alive():
            body = talk.turn(next(numbers))
            took.append(_ms(partial(journal.append, Topic.FINAL, body, 0.0)))
            time.sleep(0.002)
        seconds = time.monotonic() - began
    journal.close()
    return [
        (f"a day is forgotten ({gone[0].result['finals']} turns)", "", f"{seconds:.1f} s", "-"),
        ("  append meanwhile", "p99 ≤ 5 ms", str(Times(took)), "-"),
    ]


@contextmanager
def looking(
    state: Path, writing: threading.Lock
) -> Iterator[Callable[[pages.Question | pages.Forget], Answer]]:
    """Yield a function that asks the second thread and waits for the answer."""
    running = Lookup(state / FILE_NAME, KEEP, writing)
    numbers = itertools.count(1)

    def ask(question: pages.Question | pages.Forget) -> Answer:
        number = next(numbers)
        running.ask(Task(number, question, ("mic",)))
        while True:
            select.select([running.descriptor], [], [], 10)
            for answer in running.taken()[0]:
                if answer.number == number:
                    assert answer.code is None, answer.message
                    return answer

    try:
        yield ask
    finally:
        running.close()


@contextmanager
def obvious(state: Path, talk: Talk) -> Iterator[Callable[[Body], object]]:
    """Yield the append that one would write first, into a file with 50,000 turns."""
    with closing(sqlite3.connect(state / "obvious.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(
            "CREATE TABLE turns (id INTEGER PRIMARY KEY, turn_id TEXT UNIQUE, start REAL, body BLOB)"
        )
        database.execute("CREATE INDEX turns_by_start ON turns (start)")
        database.execute("CREATE VIRTUAL TABLE found USING fts5 (text)")

        def append(body: Body) -> None:
            database.execute("BEGIN IMMEDIATE")
            values = (take(body, "turn_id", str), take(body, "start", float), pack(body))
            row = database.execute(
                "INSERT INTO turns (turn_id, start, body) VALUES (?, ?, ?)", values
            ).lastrowid
            database.execute("INSERT INTO found (rowid, text) VALUES (?, ?)", (row, take(body, "text", str)))
            database.execute("COMMIT")

        for first in range(0, 50_000, 1000):
            database.execute("BEGIN")
            for number in range(first, first + 1000):
                body = talk.turn(-number - 1)
                row = database.execute(
                    "INSERT INTO turns (turn_id, start, body) VALUES (?, ?, ?)",
                    (take(body, "turn_id", str), take(body, "start", float), pack(body)),
                ).lastrowid
                database.execute(
                    "INSERT INTO found (rowid, text) VALUES (?, ?)", (row, take(body, "text", str))
                )
            database.execute("COMMIT")
        yield append


def _search_on(ask: Callable[[pages.Question | pages.Forget], Answer], stop: threading.Event) -> None:
    words = itertools.cycle(["w3 w50", '"w1 w2"', "w0", f"w{VOCABULARY - 7}"])
    while not stop.is_set():
        ask(pages.search({"words": next(words)}))


def _children_s() -> float:
    """Return the CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _same(path: Path, place: Path) -> bool:
    return path.stat().st_dev == place.stat().st_dev


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main())
