"""Where a subscriber stopped: small, kept as text, and refused when it is none."""

import pytest

from heard.wire.codec import Body
from heard_client.cursor import Cursor, is_kept
from heard_client.messages import Message
from heard_client.parsing import from_body

from .peers import final


def message(topic: str, run: str, seq: int, time: float = 1.0) -> Message:
    body: Body = {"run": run, "seq": seq, "time": time}
    made = from_body(topic, final("word") | body)
    assert made is not None
    return made


def test_it_follows_finals_and_revisions_and_nothing_else() -> None:
    """A partial or a level says nothing about what is to be fetched later."""
    cursor = Cursor().after(message("transcript.final.mic", "a", 3, 5.0))
    cursor = cursor.after(message("transcript.final.line", "a", 1, 4.0))
    cursor = cursor.after(message("transcript.partial.mic", "a", 9, 9.0))
    assert cursor == Cursor("a", 5.0, {"transcript.final.mic": 3, "transcript.final.line": 1})
    assert cursor.after(message("transcript.revised.mic", "b", 1, 6.0)) == Cursor(
        "b", 6.0, {"transcript.revised.mic": 1}
    )


def test_it_comes_back_from_text_as_it_was() -> None:
    """Some hundred bytes for as many sources as a machine has."""
    cursor = Cursor("3f2a1b2c3d4e", 1_700_000_000.25, {"transcript.final.mic": 57})
    assert Cursor.from_json(cursor.to_json()) == cursor
    assert len(cursor.to_json()) < 120


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"run": 3, "time": 1, "seq": {}}', '{"run": "a", "time": 1, "seq": {"t": "1"}}',
     '{"run": "a", "time": 1, "seq": {"t": true}}'],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(text: str) -> None:
    """A file cut off by a full disk must not begin everything anew in silence."""
    with pytest.raises(ValueError, match=r"cursor|Expecting"):
        Cursor.from_json(text)


def test_what_is_kept() -> None:
    """By the daemon's journal."""
    topics = (
        "transcript.final.mic",
        "transcript.revised.mic",
        "transcript.partial.mic",
        "gap.mic",
        "status",
        "x",
    )
    assert [topic for topic in topics if is_kept(topic)] == list(topics[:2])
