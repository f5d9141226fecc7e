"""How sure a difference is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.bootstrap import paired

differences = st.lists(st.tuples(st.integers(-5, 5), st.integers(5, 15)), min_size=1, max_size=20)


@settings(max_examples=30, deadline=None)
@given(differences)
def test_the_interval_holds_the_difference_of_the_mean(found: list[tuple[int, int]]) -> None:
    """In order, the same each time, and wider for more comparisons."""
    errors, words = [each for each, _ in found], [each for _, each in found]
    one = paired(errors, words, draws=500)
    assert one == paired(errors, words, draws=500)
    assert one.points == pytest.approx(100 * sum(errors) / sum(words))
    assert one.low <= one.high
    wider = paired(errors, words, comparisons=8, draws=500)
    assert wider.low <= one.low
    assert wider.high >= one.high


def test_the_same_in_every_piece_is_sure() -> None:
    """Nothing can come out otherwise."""
    found = paired([1] * 10, [10] * 10)
    assert (found.points, found.low, found.high, found.spread, found.below) == (10, 10, 10, 0, 0)


def test_the_interval_is_as_wide_as_the_spread_says() -> None:
    """1.96 standard errors to either side: spread / √pieces."""
    random = np.random.default_rng(3)
    errors = random.integers(-3, 4, 200).tolist()
    found = paired(errors, [12] * 200)
    half = 1.96 * found.spread / np.sqrt(200)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_chance_is_found_significant_as_often_as_promised() -> None:
    """Of experiments without a difference, about 5 in 100 have an interval clear of 0."""
    random = np.random.default_rng(5)
    found = [paired(random.integers(-2, 3, 60).tolist(), [12] * 60, draws=400) for _ in range(300)]
    wrong = sum(each.low > 0 or each.high < 0 for each in found)
    assert 3 <= wrong <= 35


def test_nothing_cannot_be_compared() -> None:
    """A comparison without pieces is a slip of the caller."""
    with pytest.raises(ValueError, match="no pieces"):
        paired([], [])
