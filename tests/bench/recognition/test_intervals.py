"""The paired bootstrap: it draws utterances, and it repeats."""

from __future__ import annotations

import pytest

from .intervals import Difference, paired


def test_no_difference_is_sure() -> None:
    """Equal errors on every mix leave no doubt."""
    found = paired([Difference(f"u{number}", 0, 10) for number in range(20)], seed=1)
    assert (found.points, found.low, found.high, found.utterances) == (0, 0, 0, 20)


def test_one_error_in_ten_words_everywhere_is_ten_points() -> None:
    """Points are of the words of the reference."""
    found = paired([Difference(f"u{number}", -1, 10) for number in range(20)], seed=1)
    assert found.points == pytest.approx(-10)
    assert (found.low, found.high) == pytest.approx((-10, -10))


def test_an_utterance_in_many_mixes_counts_as_one() -> None:
    """What a single utterance shows over and over is no more certain for it."""
    spread = [Difference(f"u{number}", number % 2, 10) for number in range(40)]
    clustered = [Difference(f"u{number % 4}", number % 2, 10) for number in range(40)]
    narrow, wide = paired(spread, seed=1), paired(clustered, seed=1)
    assert narrow.points == wide.points == pytest.approx(5)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_interval_holds_the_figure_and_repeats() -> None:
    """Equal seeds give equal intervals."""
    differences = [Difference(f"u{number}", number % 5 - 2, 10 + number) for number in range(30)]
    found = paired(differences, seed=1)
    assert found.low < found.points < found.high
    assert paired(differences, seed=1) == found
    assert paired(differences, seed=2) != found


def test_nothing_to_compare_is_an_error() -> None:
    """No mixes have no interval."""
    with pytest.raises(ValueError, match="no mixes"):
        paired([], seed=1)
