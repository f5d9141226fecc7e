"""What is done to the journal later: indexing, deleting for good, keeping to the limits."""

from __future__ import annotations

import math
import sqlite3
from pathlib import Path

import pytest

from heard.publish import chores, pages
from heard.publish.bodies import complete
from heard.publish.journal import FILE_NAME
from heard.publish.span import Span
from heard.wire.events import Event
from heard.wire.topics import Topic

from .journalled import RUN, leftovers, numbers, opened, said, written

MANY = 3 * chores.INDEX_ROWS + 7


def words(number: int) -> str:
    """Return a text with a word of its own, one that every third shares, and one that all do."""
    return f"word{number}x common " + ("xylophone" if number % 3 == 0 else "plain")


def indexed(database: sqlite3.Connection, word: str) -> bool:
    """Return whether the bytes of a word are in the full-text index's own table."""
    query = "SELECT count(*) FROM spoken_data WHERE instr(block, ?)"
    return bool(database.execute(query, (word.encode(),)).fetchone()[0])


def test_the_index_is_made_in_steps_and_goes_on_where_it_was(tmp_path: Path) -> None:
    """One transaction a step; what comes later is found after the next time."""
    journal = written(tmp_path, [said(n, words(n)) for n in range(1, MANY + 1)])
    with opened(tmp_path, index=False) as database:
        assert chores.unindexed(database) == MANY
        assert len(list(chores.index(database))) == 3
        assert chores.unindexed(database) == 0
        journal.append(Topic.FINAL, said(MANY + 1, "late"), 0.0)
        assert chores.unindexed(database) == 1
        assert list(chores.index(database)) == []
        assert numbers(database, pages.search({"words": "late"})) == [MANY + 1]
        assert numbers(database, pages.search({"words": "word77x"})) == [77]


def test_what_is_forgotten_is_in_no_file_any_more(tmp_path: Path) -> None:
    """Rows, revisions, the index's copy of each word, and the log: the bytes are gone; the rest is found."""
    journal = written(tmp_path, [said(n, words(n)) for n in range(1, MANY + 1)])
    journal.append(Topic.REVISED, said(3, "tambourine common", topic=Topic.REVISED), 0.0)
    gap = complete(
        Event(Topic.GAP, "mic", {"reason": "xrun", "samples": 1, "start": 30.0, "end": 31.0}), RUN, 1, 9.0
    )
    journal.append(Topic.GAP, gap, 0.0)
    span = Span(since=25.0, until=1005.0)
    with opened(tmp_path) as database:
        assert leftovers(tmp_path, "word50x") != []
        assert indexed(database, "tambourine"), "no word before it begins like it, so the index has it whole"
        assert [len(rows) for rows in chores.found(database, span)] == [98, 1]
        assert sum(chores.forget(database, *chores.found(database, span))) == 98
        assert chores.truncate(database)
        assert not indexed(database, "tambourine")
        assert {word: leftovers(tmp_path, word) for word in ("word50x", "word3x", "tambourine", "xrun")} == {
            "word50x": [], "word3x": [], "tambourine": [], "xrun": []
        }  # fmt: skip
        assert numbers(database, pages.search({"words": "xylophone", "limit": 2})) == [MANY - 1, MANY - 4]
        assert numbers(database, pages.search({"words": "word50x"})) == []
        assert numbers(database, pages.history({}, RUN)) == [1, 2, *range(101, MANY + 1)]
        database.execute("INSERT INTO spoken (spoken) VALUES ('integrity-check')")


def test_forgetting_before_it_is_indexed(tmp_path: Path) -> None:
    """The index does not learn later what is gone, and ids are not given twice."""
    journal = written(tmp_path, [said(1, "secret"), said(2, "secret")])
    with opened(tmp_path, index=False) as database:
        assert sum(chores.forget(database, *chores.found(database, Span()))) == 2
        journal.append(Topic.FINAL, said(3, "public"), 0.0)
        assert list(chores.index(database)) == []
        assert chores.truncate(database)
        assert leftovers(tmp_path, "secret") == []
        assert numbers(database, pages.search({"words": "public"})) == [3]


def test_a_source_is_forgotten_alone(tmp_path: Path) -> None:
    """Whatever the time."""
    written(tmp_path, [said(1), said(2, source="line"), said(3)])
    with opened(tmp_path) as database:
        assert sum(chores.forget(database, *chores.found(database, Span(source="line")))) == 1
        assert numbers(database, pages.history({}, RUN)) == [1, 3]


def test_a_very_long_turn_is_forgotten_too(tmp_path: Path) -> None:
    """It began more than an hour before the span."""
    written(tmp_path, [{**said(1), "start": 0.0, "end": 9000.0}])
    with opened(tmp_path) as database:
        assert sum(chores.forget(database, *chores.found(database, Span(since=8000.0)))) == 1


def test_steps_are_small(tmp_path: Path) -> None:
    """No step deletes more than a few rows: an append waits for one of them at most."""
    written(tmp_path, [said(n) for n in range(1, MANY + 1)])
    with opened(tmp_path) as database:
        assert max(chores.forget(database, *chores.found(database, Span()))) == chores.DELETE_ROWS


def test_old_rows_go(tmp_path: Path) -> None:
    """Days count from when a final was published; 0 days keep all."""
    written(tmp_path, [said(n) for n in range(1, 10)])
    with opened(tmp_path) as database:
        assert sum(chores.prune(database, math.inf, 0, 0)) == 0
        # Turn 4 was published at 42.
        assert sum(chores.prune(database, 42.5 + 2 * chores.DAY_S, 2, 0)) == 4
        assert numbers(database, pages.history({}, RUN)) == [5, 6, 7, 8, 9]


def test_a_journal_that_is_too_large_loses_its_oldest(tmp_path: Path) -> None:
    """It stays below the limit with a margin, and gives the space back."""
    long = "much to say " * 30
    written(tmp_path, [said(n, long) for n in range(1, 1001)])
    with opened(tmp_path) as database:
        chores.checkpoint(database)
        before = (tmp_path / FILE_NAME).stat().st_size
        limit = chores.used_bytes(database) // 2
        gone = sum(chores.prune(database, 0.0, 0, limit))
        assert limit * 0.9 < chores.used_bytes(database) <= limit * chores.MARGIN
        assert numbers(database, pages.history({"limit": 1}, RUN)) == [gone + 1]
        assert sum(chores.prune(database, 0.0, 0, limit)) == 0
        assert chores.truncate(database)
        kept_free = (chores.VACUUM_PAGES + 1) * 4096
        assert (tmp_path / FILE_NAME).stat().st_size <= limit * chores.MARGIN + kept_free < before


@pytest.mark.parametrize("limit", [1, 1000])
def test_a_limit_below_an_empty_journal_ends(tmp_path: Path, limit: int) -> None:
    """All finals go; there is nothing else to give."""
    written(tmp_path, [said(n) for n in range(1, 50)])
    with opened(tmp_path) as database:
        assert sum(chores.prune(database, 0.0, 0, limit)) == 49
