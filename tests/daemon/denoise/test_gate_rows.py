"""Arrays of rows."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.gate_rows import box_sums, grown


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(0, 30))
def test_a_box_sum_is_the_sum_of_as_many_neighbours(width: int, more: int) -> None:
    values = np.random.default_rng(width).integers(-9, 9, (2, width + more)).astype(np.float32)
    expected = np.lib.stride_tricks.sliding_window_view(values, width, axis=1).sum(axis=2)
    np.testing.assert_array_equal(box_sums(values, width), expected)


def test_growing_keeps_what_is_there() -> None:
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    larger = grown(array, 5)
    np.testing.assert_array_equal(larger[:3], array)
    assert not larger[3:].any()
