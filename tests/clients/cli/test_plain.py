"""Text from outside on a line of output, and values as JSON."""

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from heard_client.cli.plain import cells, one_line, to_json, wrap


def test_json_has_no_bytes_and_no_numbers_that_json_lacks() -> None:
    """Audio is left out; infinity is null; keys are text."""
    value = {"text": "„hör“", "pcm": b"\0", "rms": -math.inf, "words": [{"n": 1, "raw": b""}], 7: True}
    assert json.loads(to_json(value)) == {"text": "„hör“", "rms": None, "words": [{"n": 1}], "7": True}
    assert "„hör“" in to_json(value)


@given(st.text(max_size=200))
def test_a_line_is_one_line_without_control_characters(text: str) -> None:
    """Whatever a service sends: no escape, no line break reaches the terminal."""
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)


def test_a_hostile_text_is_harmless() -> None:
    """It would clear the screen and set the title."""
    assert one_line("a\x1b[2J\x1b]0;owned\x07\r\nb\x9b1m") == "a [2J ]0;owned b 1m"


def test_wide_and_combining_characters_are_measured() -> None:
    """As terminals show them."""
    assert (cells("abc"), cells("日本"), cells("e\u0301"), cells("\u200b")) == (3, 4, 1, 0)


@given(st.text(max_size=120), st.integers(2, 30))
def test_wrapped_lines_fit_and_lose_nothing(text: str, columns: int) -> None:
    """No line is wider than asked for; all letters are there, in order."""
    clean = one_line(text)
    lines = wrap(clean, columns)
    assert all(cells(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == clean.replace(" ", "")
