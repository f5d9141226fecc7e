"""What a person types into a search: it means what it says, and is never a syntax error."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.publish.tables import _TABLES
from heard.publish.words import LONGEST, MOST, match

SPOKEN = next(table for table in _TABLES if "fts5" in table)
TEXTS = (
    "The quick brown fox",
    "Brown foxes are quick",
    "Café AT&T near the naïve NOT OR",
    "it's 12:30",
)


def search(typed: str) -> list[int]:
    """Return which of TEXTS the index finds."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(SPOKEN)
        for number, text in enumerate(TEXTS):
            database.execute("INSERT INTO spoken (rowid, text) VALUES (?, ?)", (number, text))
        return [
            row
            for (row,) in database.execute("SELECT rowid FROM spoken WHERE spoken MATCH ?", (match(typed),))
        ]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("quick", [0, 1]),
        ("QUICK brown", [0, 1]),
        ('"quick brown"', [0]),
        ('"quick brown', [0]),
        ("fox", [0]),
        ("fox*", [0, 1]),
        ("cafe naive", [2]),
        ("AT&T", [2]),
        ("NOT", [2]),
        ("quick OR cafe", []),
        ("quick - brown", [0, 1]),
        ("(quick) text:brown", []),
        ("it's", [3]),
        ("12:30", [3]),
        ("brown^2", []),
        ('"', None),
        ("* - () \0", None),
        ("", None),
        ("x" * (LONGEST + 1), None),
        ("x " * (MOST + 1), None),
    ],
)
def test_words_phrases_and_beginnings(typed: str, expected: list[int] | None) -> None:
    """All words, quoted ones in a row, `*` for the rest of one; the index's own syntax means nothing."""
    if expected is None:
        with pytest.raises(ValueError, match=r"words: .* (needed|looked for)"):
            match(typed)
    else:
        assert search(typed) == expected


@given(st.text(max_size=60) | st.text("\"*()^:-+{}ANDORNEAR \0'", max_size=30))
def test_nothing_is_a_syntax_error(typed: str) -> None:
    """Whatever is typed, the index takes it, or we say that there is no word in it."""
    try:
        query = match(typed)
    except ValueError:
        return
    assert query
    search(typed)
