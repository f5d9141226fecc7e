"""The newest stretch of a stream, by sample number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.kept import Kept


@settings(deadline=None)
@given(st.integers(0, 1 << 45), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), max_size=30))
def test_what_is_kept_is_what_was_appended(start: int, steps: list[tuple[int, int]]) -> None:
    """However it grows and forgets, every kept sample is found under its number."""
    kept = Kept(start, np.zeros(0, np.int16))
    count = 0
    for grow, keep in steps:
        kept.append(np.arange(count, count + grow).astype(np.int16))
        count += grow
        kept.forget(start + count - keep)
        assert kept.stop == start + count
        assert kept.start >= start + count - keep or keep >= count
        expected = np.arange(kept.start - start, count)
        np.testing.assert_array_equal(kept.between(kept.start, kept.stop), expected)


def test_asking_for_what_is_forgotten_or_yet_to_come_is_an_error() -> None:
    kept = Kept(10, np.zeros(10, np.float32))
    kept.forget(15)
    for start, stop in ((14, 16), (16, 21), (18, 17)):
        with pytest.raises(IndexError, match="15 to 20"):
            kept.between(start, stop)


def test_forgetting_all_leaves_the_number_of_the_next() -> None:
    kept = Kept(0, np.zeros(5, np.int16))
    kept.forget(9)
    assert (kept.start, kept.stop) == (5, 5)
    kept.append(np.ones(3, np.int16))
    assert kept.between(5, 8).tolist() == [1, 1, 1]
