"""Values that change gradually."""

import numpy as np

from heard.denoise.fade import FADE_SAMPLES, Gradual


def test_a_value_goes_to_its_target_without_a_jump() -> None:
    value = Gradual(0.2)
    value.aim(0.9, at=1 << 40)
    over = value.over((1 << 40) - 0, (1 << 40) + FADE_SAMPLES + 10)
    assert abs(float(over[0]) - 0.2) < 1e-4
    assert np.all(np.diff(over) >= 0)
    assert float(np.diff(over).max()) < 2 * 0.7 / FADE_SAMPLES
    np.testing.assert_allclose(over[FADE_SAMPLES:], 0.9, rtol=1e-6)


def test_cutting_the_fade_into_blocks_changes_nothing() -> None:
    value = Gradual(0.0)
    value.aim(1.0, at=100)
    whole = value.over(100, 900)
    parts = np.concatenate([value.over(start, min(900, start + 77)) for start in range(100, 900, 77)])
    np.testing.assert_array_equal(whole, parts)


def test_a_new_target_in_mid_fade_begins_where_the_value_is() -> None:
    value = Gradual(0.0)
    value.aim(1.0, at=0)
    halfway = float(value.over(FADE_SAMPLES // 2, FADE_SAMPLES // 2 + 1)[0])
    value.aim(0.0, at=FADE_SAMPLES // 2)
    after = value.over(FADE_SAMPLES // 2, 2 * FADE_SAMPLES)
    assert abs(float(after[0]) - halfway) < 1e-3
    assert float(after[-1]) == 0.0
