"""Sound in tenths of a second, however it comes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.windows import WINDOW, Windows


@settings(deadline=None)
@given(st.lists(st.integers(0, 3 * WINDOW), max_size=12))
def test_windows_follow_each_other_without_a_hole(sizes: list[int]) -> None:
    """Every sample is in one window, in order; what makes no whole one waits."""
    windows, at, got = Windows(), 0, []
    for size in sizes:
        got += windows.take((np.arange(at, at + size) % 30011).astype(np.int16))
        at += size
    assert [len(window) for window in got] == [WINDOW] * (at // WINDOW)
    assert {window.dtype for window in got} <= {np.dtype(np.float32)}
    joined = np.concatenate([*got, np.empty(0)])
    assert np.array_equal(joined, np.arange(len(joined)) % 30011)


def test_an_interruption_begins_anew() -> None:
    """What waited is no part of the next window."""
    windows = Windows()
    assert windows.take(np.ones(WINDOW - 1, dtype=np.int16)) == []
    windows.forget()
    (window,) = windows.take(np.zeros(WINDOW, dtype=np.int16))
    assert not window.any()
