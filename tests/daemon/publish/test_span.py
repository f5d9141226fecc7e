"""Which part of the journal is meant: in Python and in SQL alike."""

import math
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from heard.publish.span import Span

TIMES = st.integers(-5, 5).map(float)
SPANS = st.builds(
    Span,
    since=TIMES | st.just(-math.inf),
    until=TIMES | st.just(math.inf),
    source=st.sampled_from([None, "a"]),
    run=st.sampled_from([None, "r"]),
)


def test_a_turn_that_reaches_into_the_span_is_in_it() -> None:
    """Who forgets what was said after ten does not keep the sentence that began a moment before."""
    span = Span(since=10.0, until=20.0)
    assert span.holds(8.0, 10.5, "a", "r")
    assert span.holds(19.9, 25.0, "a", "r")
    assert not span.holds(20.0, 21.0, "a", "r")
    assert not span.holds(8.0, 9.9, "a", "r")


@given(SPANS, TIMES, TIMES, st.sampled_from("ab"), st.sampled_from("rs"))
def test_the_condition_means_the_same(span: Span, start: float, end: float, source: str, run: str) -> None:
    """Also where a clock was set back and `end` comes before `start`."""
    where, values = span.where()
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute('CREATE TABLE t ("start" REAL, "end" REAL, source TEXT, run TEXT)')
        database.execute("INSERT INTO t VALUES (?, ?, ?, ?)", (start, end, source, run))
        rows = database.execute(f"SELECT count(*) FROM t WHERE {where}", values).fetchone()  # noqa: S608  # our own condition
    assert rows == (int(span.holds(start, end, source, run)),)
