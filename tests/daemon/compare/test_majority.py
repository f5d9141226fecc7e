"""What most readings say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.majority import agreement, majority, middle_of

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=8)


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.parametrize(
    ("readings", "said"),
    [
        (["the cat sat", "the hat sat", "the cat sat down"], "the cat sat"),
        (["the cat sat", "the hat sat down", "a cat sat down"], "the cat sat down"),
        (["oh the cat", "oh the cat", "the cat"], "oh the cat"),
        (["the cat sat on", "cat sat on", "cat sat on"], "cat sat on"),
        (["one two", "", ""], ""),
        (["", "", ""], ""),
        (["just this"], "just this"),
    ],
)
def test_most_votes_win(readings: list[str], said: str) -> None:
    """Replaced, missing and added words are each put to the vote."""
    assert majority([words(reading) for reading in readings]) == words(said)


@settings(deadline=None)
@given(texts, st.lists(texts, max_size=3))
def test_who_has_the_majority_has_it(said: list[str], others: list[list[str]]) -> None:
    """What more than half of all read alike is what comes out, whatever the others say."""
    assert majority([*others, *[said] * (len(others) + 1)]) == said


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_nothing_is_made_up(readings: list[list[str]]) -> None:
    """Every word that comes out was read by somebody, and the middle reading is one of them."""
    assert set(majority(readings)) <= {word for reading in readings for word in reading}
    assert 0 <= middle_of(readings) < len(readings)


def test_agreement_counts_words_in_common() -> None:
    """Over all recordings; silence agrees with silence."""
    assert agreement([(words("a b c d"), words("a x c d"))]) == 0.75
    assert agreement([(words("a b"), words("a b")), (words("c d"), [])]) == 0.5
    assert agreement([([], [])]) == 1


def test_there_is_something_to_vote_on() -> None:
    """A vote without voters is a slip of the caller."""
    with pytest.raises(ValueError, match="no readings"):
        majority([])
