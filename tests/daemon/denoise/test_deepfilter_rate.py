"""To three times the rate and back."""

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.deepfilter_rate import FACTOR, RATE_HZ, REACH, lowered, raised

MARGIN = 2 * REACH


def _tone(hz: float, count: int = 4000) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(count) / 16_000)).astype(np.float32)


def _there_and_back(samples: Samples) -> Samples:
    return lowered(raised(samples))


def _level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def test_lengths() -> None:
    """What lies within reach of an end is not made."""
    assert len(raised(np.zeros(2 * REACH + 160, np.float32))) == FACTOR * 160
    assert len(lowered(np.zeros(FACTOR * (2 * REACH + 160), np.float32))) == 160


@pytest.mark.parametrize("hz", [0.0, 50.0, 440.0, 3000.0, 6500.0, 7000.0])
def test_speech_comes_back_as_it_was_and_where_it_was(hz: float) -> None:
    """A tone up to 7 kHz comes back with an error of -75 dB at most."""
    tone = _tone(hz) if hz else np.full(4000, 0.5, np.float32)
    back = _there_and_back(tone)
    assert _level_db(back - tone[MARGIN:-MARGIN]) < _level_db(tone) - 75


def test_the_highest_tones_are_taken_away_rather_than_folded() -> None:
    assert _level_db(_there_and_back(_tone(7950))) < -70


@pytest.mark.parametrize("hz", [440.0, 3000.0, 7000.0])
def test_no_image_appears_above_the_working_rates_band(hz: float) -> None:
    wide = raised(_tone(hz))
    spectrum = np.abs(np.fft.rfft(wide * np.hanning(len(wide))))
    above = np.fft.rfftfreq(len(wide), 1 / RATE_HZ) > 8100
    assert 20 * np.log10(spectrum[above].max() / spectrum.max()) < -70


def test_a_sample_stays_in_its_place() -> None:
    click = np.zeros(4 * REACH, np.float32)
    click[MARGIN + 5] = 1
    assert np.abs(raised(click)).argmax() == FACTOR * (REACH + 5)
    wide = np.zeros(FACTOR * 4 * REACH, np.float32)
    wide[FACTOR * (MARGIN + 5)] = 1
    assert np.abs(lowered(wide)).argmax() == REACH + 5


def test_a_sample_depends_on_those_around_it_alone() -> None:
    """So a stream may begin anywhere."""
    samples = np.random.default_rng(1).uniform(-1, 1, 2000).astype(np.float32)
    stretch = 160 + 2 * REACH
    whole = raised(samples)
    for start in (0, 1, 160, 777):
        np.testing.assert_allclose(
            raised(samples[start : start + stretch]),
            whole[FACTOR * start : FACTOR * (start + 160)],
            atol=1e-6,
        )
