"""What is said of sound without words."""

import numpy as np
import pytest

from heard.compare.sound import lowered_db, smaller, spectrogram

RATE_HZ = 16_000


def hiss(seconds: float, level: float = 1000) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    random = np.random.default_rng(1)
    return np.rint(level * random.standard_normal(round(seconds * RATE_HZ))).astype(np.int16)


def test_noise_that_was_halved_was_lowered_by_6_db() -> None:
    """Whatever happened to the loud parts."""
    dry = hiss(4)
    dry[RATE_HZ : 2 * RATE_HZ] *= 10
    wet = dry.copy()
    wet[:RATE_HZ] //= 2
    wet[2 * RATE_HZ :] //= 2
    assert lowered_db(dry, wet) == pytest.approx(6.02, abs=0.1)
    assert lowered_db(dry, dry) == 0


def test_no_noise_no_figure() -> None:
    """Digital silence, and less than a frame."""
    assert lowered_db(np.zeros(RATE_HZ, np.int16), np.zeros(RATE_HZ, np.int16)) is None
    assert lowered_db(hiss(0.01), hiss(0.01)) is None


def test_all_noise_taken_away_is_a_number() -> None:
    """As much as 16 bits can tell."""
    lowered = lowered_db(hiss(1), np.zeros(RATE_HZ, np.int16))
    assert lowered is not None
    assert 60 < lowered < 90


def test_a_tone_is_where_it_belongs() -> None:
    """High frequencies are above low ones; it sounds in the second half only."""
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    tone = np.rint(8000 * np.sin(2 * np.pi * 6500 * time) * (time >= 1)).astype(np.int16)
    shades = spectrogram(tone, 16, 10)
    assert shades.shape == (16, 10)
    assert int(shades[:, 7].argmax()) == 2  # 6.5 to 7 kHz of 8, counted from above
    assert shades[:, :4].max() == 0
    assert 0.5 < shades.max() <= 1


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513, 5000])
def test_short_recordings_have_a_picture_too(samples: int) -> None:
    """With fewer columns; never empty, never a value outside 0..1."""
    shades = spectrogram(hiss(1)[:samples], 8, 100)
    assert shades.shape[0] == 8
    assert 1 <= shades.shape[1] <= 100
    assert np.all((shades >= 0) & (shades <= 1))


def test_a_picture_is_made_smaller_by_means() -> None:
    """Of equal cells as nearly as can be; never larger than it is."""
    shades = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert smaller(shades, 2, 3).tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert smaller(shades, 9, 9).tolist() == shades.tolist()
    assert smaller(shades, 3, 4).shape == (3, 4)
