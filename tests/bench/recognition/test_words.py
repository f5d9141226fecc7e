"""Counting words: a runaway recognizer is as wrong as a silent one."""

from __future__ import annotations

import pytest

from .words import Counted, counted


def test_errors_are_those_of_the_words() -> None:
    """A wrong word and a missing one are two errors."""
    assert counted("one two three four", "one too three") == Counted(2, 2, 4)


def test_a_runaway_counts_for_no_more_than_silence() -> None:
    """What was said without the cap is kept beside it."""
    assert counted("one two three", "one two three " * 10) == Counted(3, 27, 3)
    assert counted("one two three", "") == Counted(3, 3, 3)


def test_a_reference_must_have_words() -> None:
    """Otherwise there is no rate."""
    with pytest.raises(ValueError, match="without words"):
        counted("...", "one")
