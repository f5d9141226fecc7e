import pytest

from .poll import until


def test_the_first_true_answer_is_returned() -> None:
    """What the predicate found is handed on, not just that it found something."""
    answers = iter([[], [], ["found"]])
    assert until(lambda: next(answers), 5, "an answer", interval_s=0) == ["found"]


def test_the_predicate_is_asked_at_least_once() -> None:
    """A deadline of zero still looks once."""
    assert until(lambda: 7, 0, "seven") == 7


def test_giving_up_says_what_was_awaited_and_what_was_seen() -> None:
    """The message is enough to understand a failed test."""
    with pytest.raises(TimeoutError, match=r"waited 0.01 s for rain; last answer: \(\)"):
        until(tuple, 0.01, "rain", interval_s=0.001)
