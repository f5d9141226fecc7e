"""Texts word by word."""

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.align import aligned, distance

from ...support.wer import word_errors

texts = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


@settings(deadline=None)
@given(texts, texts)
def test_every_word_has_its_place_once(first: list[str], second: list[str]) -> None:
    """In order, none left out: both texts can be read off the pairs."""
    pairs = aligned(first, second)
    assert [i for i, _ in pairs if i is not None] == list(range(len(first)))
    assert [j for _, j in pairs if j is not None] == list(range(len(second)))
    assert (None, None) not in pairs


@settings(deadline=None)
@given(texts, texts)
def test_no_way_is_shorter(first: list[str], second: list[str]) -> None:
    """As many changes as another implementation counts, and the pairs are a way with so many."""
    errors, _ = word_errors(" ".join(first), " ".join(second))
    made = sum(i is None or j is None or first[i] != second[j] for i, j in aligned(first, second))
    assert distance(first, second) == made == errors


@settings(deadline=None)
@given(texts, texts, texts)
def test_it_is_a_distance(one: list[str], two: list[str], three: list[str]) -> None:
    """Nothing to itself, the same from either side, no shorter by way of a third."""
    assert distance(one, one) == 0
    assert distance(one, two) == distance(two, one)
    assert distance(one, three) <= distance(one, two) + distance(two, three)


def test_half_an_hour_is_aligned() -> None:
    """Some thousand words against as many: one of them in three is wrong."""
    said = [str(number) for number in range(4000)]
    heard = [word if number % 3 else "x" for number, word in enumerate(said)]
    assert distance(said, heard) == 1334
