"""The sliding window, with a `reduce` whose result is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.backend import Samples
from heard.denoise.window import Shape, SlidingWindow

SHAPE = Shape(hop=10, look_ahead=6, past=24, memory=30, grid=4, settle=16)
NOTHING = np.zeros(0, np.float32)


def _context_sensitive(window: Samples, before: Samples) -> Samples:
    """Return samples that depend on everything that a window is made of."""
    return np.asarray(window + np.float32(len(window)) + window.sum() + 3 * before.sum(), np.float32)


def _run(samples: Samples, cuts: list[int], position: int = 0, context: Samples = NOTHING) -> Samples:
    stream = SlidingWindow(_context_sensitive, SHAPE, position, context)
    out = []
    for start, stop in zip([0, *cuts], [*cuts, len(samples)], strict=True):
        stream.feed(samples[start:stop])
        out.append(stream.take())
    out.append(stream.finish())
    return np.concatenate(out)


def _samples(count: int) -> Samples:
    return np.random.default_rng(count).integers(-50, 50, count).astype(np.float32)


@settings(deadline=None)
@given(st.integers(0, 200), st.data())
def test_any_chunking_gives_the_same_samples(count: int, data: st.DataObject) -> None:
    samples = _samples(count)
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=12)))
    out = _run(samples, cuts)
    assert len(out) == count
    np.testing.assert_array_equal(out, _run(samples, []))


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 200))
def test_a_later_start_with_enough_context_gives_the_same_samples(position: int, count: int) -> None:
    """A replay's lead-in rebuilds the state, wherever in a hop the wanted samples begin."""
    samples = _samples(500)
    whole = _run(samples, [])
    enough = SHAPE.context + SHAPE.settle
    later = SlidingWindow(_context_sensitive, SHAPE, position, samples[max(0, position - enough) : position])
    later.feed(samples[position : position + count])
    out = later.take()
    np.testing.assert_array_equal(out, whole[position : position + len(out)])


@settings(deadline=None)
@given(st.integers(0, 150))
def test_a_sample_is_out_once_the_delay_has_passed(sample: int) -> None:
    """And not before its hop and look-ahead are complete."""
    stream = SlidingWindow(_context_sensitive, SHAPE, 0, NOTHING)
    out = 0
    for fed in range(1, sample + SHAPE.delay + 1):
        stream.feed(np.ones(1, np.float32))
        out += len(stream.take())
        assert out == max(0, fed - SHAPE.look_ahead) // SHAPE.hop * SHAPE.hop
    assert out > sample


def test_an_impulse_comes_out_where_it_went_in() -> None:
    """The delay is time, never an offset."""
    impulse = np.zeros(100, np.float32)
    impulse[57] = 1
    stream = SlidingWindow(lambda window, _: window, SHAPE, 0, NOTHING)
    stream.feed(impulse)
    np.testing.assert_array_equal(np.concatenate((stream.take(), stream.finish())), impulse)


def test_windows_are_cut_as_stated() -> None:
    """On the grid, with the past and the look-ahead that there are."""
    seen: list[tuple[int, int, int]] = []
    numbers = np.arange(200, dtype=np.float32)

    def spy(window: Samples, before: Samples) -> Samples:
        first = int(window[0])
        assert not len(before) or int(before[-1]) == first - 1
        seen.append((first, int(window[-1]) + 1, len(before)))
        return window

    stream = SlidingWindow(spy, SHAPE, 0, NOTHING)
    stream.feed(numbers[:103])
    stream.take()
    stream.finish()
    assert seen == [
        (0, 16, 0),
        (0, 26, 0),
        (0, 36, 0),
        (0, 46, 0),
        (16, 56, 16),
        (28, 66, 28),
        (36, 76, 30),
        (48, 86, 30),
        (56, 96, 30),
        (68, 103, 30),
        (76, 103, 30),
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(1 << 39, 1 << 41))
def test_large_sample_numbers_change_nothing(hops: int) -> None:
    """A thousand hours are 2^36 samples: numbers neither overflow nor drift."""
    position = hops * SHAPE.hop * SHAPE.grid
    samples = _samples(400)
    near = SlidingWindow(_context_sensitive, SHAPE, 40 * SHAPE.hop, samples[:200])
    far = SlidingWindow(_context_sensitive, SHAPE, position, samples[:200])
    for stream in (near, far):
        stream.feed(samples[200:])
    np.testing.assert_array_equal(near.finish(), far.finish())


def test_a_reduce_that_changes_the_length_is_an_error() -> None:
    stream = SlidingWindow(lambda window, _: window[1:], SHAPE, 0, NOTHING)
    stream.feed(np.ones(20, np.float32))
    with pytest.raises(ValueError, match="a window of 16 samples came back as"):
        stream.take()
