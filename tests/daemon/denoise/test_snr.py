"""The ratio of speech to noise, against mixes whose ratio is known."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from heard.denoise.snr import FRAME, LEAST_DB, NOISE_FRAMES, SPEECH_FRAMES, estimate_db, powers_of, quiet

from ...support.corpus import noise, noises, utterances
from ...support.mixing import mix

Readings = npt.NDArray[np.float64]
STEADY = [each.name for each in noises() if each.name not in {"keyboard-typing", "train-interior"}]
"""Without bangs."""
SPEECH = [each for each in utterances() if each.duration_s >= 6][::2]


def _readings(samples: npt.NDArray[np.float64]) -> Readings:
    """Return what is estimated every 0.1 s from 3 s on, in samples of 16 bits."""
    powers = powers_of(np.rint(samples * 32768) / 32768)
    seen = [estimate_db(powers[:frame]) for frame in range(150, len(powers), 5)]
    return np.array([each for each in seen if each is not None])


@cache
def _of_mixes(snr_db: float) -> Readings:
    return np.concatenate(
        [
            _readings(mix(speech.samples(), noise(name).samples(), snr_db=snr_db, seed=3).noisy)
            for speech in SPEECH
            for name in STEADY
        ]
    )


@pytest.mark.parametrize(
    ("snr_db", "least", "most"), [(0, 0.5, 4), (5, 5.5, 9), (10, 10, 14), (20, 17.5, 22.5)]
)
def test_the_median_reading_is_at_most_4_db_above_the_mixed_ratio(
    snr_db: float, least: float, most: float
) -> None:
    """And hardly below: two decibels high up to 10 dB, right at 20 dB."""
    assert least < float(np.median(_of_mixes(snr_db))) < most


def test_noisy_and_hardly_noisy_speech_are_told_apart() -> None:
    """A reading at 10 dB is below one at 20 dB nearly always."""
    noisy, hardly = _of_mixes(10), _of_mixes(20)
    assert float(np.mean(noisy[:, None] < hardly[None])) > 0.97


def test_clean_speech_reads_high() -> None:
    readings = np.concatenate(
        [_readings(np.concatenate((each.samples(), each.samples()))) for each in SPEECH]
    )
    assert float(np.median(readings)) > 22
    assert float(np.percentile(readings, 5)) > 15


def test_bangs_with_quiet_between_them_read_as_speech() -> None:
    """What it cannot do: at 0 dB typing reads like clean speech."""
    mixture = mix(SPEECH[0].samples(), noise("keyboard-typing").samples(), snr_db=0)
    assert float(np.median(_readings(mixture.noisy))) > 8


def test_nothing_is_known_before_2_5_s_and_in_silence() -> None:
    hiss = np.random.default_rng(1).uniform(0.5, 1.5, SPEECH_FRAMES)
    assert estimate_db(hiss[:-1]) is None
    assert estimate_db(hiss) is not None
    assert estimate_db(np.zeros(300)) is None


def test_even_noise_reads_as_no_speech() -> None:
    assert estimate_db(np.full(300, 0.01)) == LEAST_DB


def test_what_lies_further_back_does_not_count() -> None:
    """So that a replay, which knows no more, comes to the same."""
    powers = np.random.default_rng(2).exponential(1.0, 2 * NOISE_FRAMES)
    assert estimate_db(powers) == estimate_db(powers[-NOISE_FRAMES:])
    assert estimate_db(powers) == estimate_db(np.concatenate((1000 * powers, powers[-NOISE_FRAMES:])))


def test_powers_are_of_whole_frames() -> None:
    assert powers_of(np.full(3 * FRAME - 1, 0.5)).tolist() == [0.25, 0.25]


def test_at_least_one_frame_is_noise() -> None:
    assert quiet(np.array([3.0])).tolist() == [True]
    assert quiet(np.array([1.0, 1.0, 4.0, 4.1, 100.0])).tolist() == [True, True, True, False, False]
