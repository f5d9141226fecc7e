"""The gate's arithmetic for many streams at once."""

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.gate_bank import Bank, hann
from heard.denoise.gate_form import FAST, QUALITY, Form


def _frames(rows: int, number: int, form: Form) -> Samples:
    drawn = np.random.default_rng([rows, number]).standard_normal((rows, form.n_fft))
    return drawn.astype(np.float32)


@pytest.mark.parametrize("form", [QUALITY, FAST])
def test_a_row_does_not_depend_on_its_company(form: Form) -> None:
    """To the bit: all rows at once, in any order, or each alone, with frame numbers of their own."""
    together, alone = Bank(form), Bank(form)
    rows = np.array([together.claim(None) for _ in range(7)])
    assert sorted(alone.claim(None) for _ in rows) == sorted(rows)
    offsets = rows * 13
    for number in range(2 * form.chunk):
        frames = _frames(len(rows), number, form)
        order = np.random.default_rng(number).permutation(len(rows))
        numbers = offsets + number
        together.listen(rows[order], numbers[order], frames[order])
        blocks = together.speak(rows[order], numbers[order])
        for at, which in enumerate(order):
            one = slice(which, which + 1)
            alone.listen(rows[one], numbers[one], frames[one])
            np.testing.assert_array_equal(alone.speak(rows[one], numbers[one])[0], blocks[at])


def test_rows_in_use_are_kept_when_there_is_need_of_more() -> None:
    bank = Bank(FAST)
    claimed = [bank.claim(None) for _ in range(5)]
    assert sorted(claimed) == [0, 1, 2, 3, 4]
    assert (bank.in_use, bank.capacity) == (5, 8)
    bank.release(claimed[3])
    assert bank.claim(None) == claimed[3]


def test_the_windows_squares_add_up() -> None:
    """A quarter apart, so that frames which nothing masks give back what they were made of."""
    squares = (hann(1024) ** 2).reshape(4, 256).sum(axis=0)
    np.testing.assert_allclose(squares, 1.5, atol=1e-6)
