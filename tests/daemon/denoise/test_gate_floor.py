"""The floor of the gate against sums written out."""

import numpy as np
import numpy.typing as npt
import pytest

from heard.denoise.gate_floor import SHARE_OF_MEAN, Floors
from heard.denoise.gate_form import CHUNKS, Form

FORM = Form(n_fft=1024, future=1, weights=(0.5, 0.5), chunk=6)
LONGEST = (CHUNKS + 1) * FORM.chunk
Floats = npt.NDArray[np.float64]


def _run(magnitudes: Floats, first: int, *, from_start: bool) -> tuple[Floats, Floats]:
    floors = Floors(FORM)
    floors.grow(2)
    floors.reset(1, first if from_start else None)
    given = magnitudes.astype(np.float32)
    results = [
        floors.add(np.array([1]), np.array([first + number]), given[number : number + 1])
        for number in range(len(given))
    ]
    forward, guess = (np.concatenate(kind).astype(np.float64) for kind in zip(*results, strict=True))
    return forward, guess


def _magnitudes(count: int) -> Floats:
    return np.random.default_rng(count).gamma(2.0, size=(count, FORM.bins))


def test_from_a_recordings_start_the_forward_pass_is_the_librarys() -> None:
    """A one-pole filter that starts with the first frame as if it had always been there."""
    magnitudes = _magnitudes(LONGEST - FORM.chunk)
    forward, _ = _run(magnitudes, 0, from_start=True)
    expected = magnitudes[0]
    for number, frame in enumerate(magnitudes):
        expected = expected + FORM.smoothing * (frame - expected) if number else frame
        np.testing.assert_allclose(forward[number], expected, rtol=1e-5)


@pytest.mark.parametrize("first", [0, 5, 6, 600])
def test_later_it_is_made_of_whole_chunks_and_what_was_before_is_their_mean(first: int) -> None:
    magnitudes = _magnitudes(3 * LONGEST)
    forward, guess = _run(magnitudes, first, from_start=False)
    for at in (0, 1, FORM.chunk, LONGEST - 1, LONGEST, 2 * LONGEST + 3, 3 * LONGEST - 1):
        begin = max(first, ((first + at) // FORM.chunk - CHUNKS) * FORM.chunk) - first
        window = magnitudes[begin : at + 1]
        weights = FORM.smoothing * (1 - FORM.smoothing) ** np.arange(len(window) - 1, -1, -1.0)
        mean = window.mean(axis=0)
        expected = weights @ window + (1 - weights.sum()) * mean
        np.testing.assert_allclose(forward[at], expected, rtol=1e-5)
        np.testing.assert_allclose(guess[at], expected + SHARE_OF_MEAN * (mean - expected), rtol=1e-5)


def test_nothing_that_is_older_than_the_window_is_left() -> None:
    """To the bit, so that a replay finds what the unbroken stream has."""
    loud = _magnitudes(4 * LONGEST)
    loud[: FORM.chunk] *= 1e6
    late, _ = _run(loud, 0, from_start=True)
    replayed, _ = _run(loud[2 * FORM.chunk :], 2 * FORM.chunk, from_start=False)
    np.testing.assert_array_equal(late[LONGEST + FORM.chunk :], replayed[LONGEST - FORM.chunk :])
