"""What denoising does, measured."""

import math

import numpy as np
import pytest

from heard.denoise.levels import Cost, Meter
from heard.meters import FLOOR_DBFS

from ...support.corpus import noise, utterance
from ...support.mixing import mix

Pcm = np.ndarray[tuple[int], np.dtype[np.int16]]


def _pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pcm:
    return np.asarray(np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16))


def _hiss(seconds: float, rms: float) -> Pcm:
    return _pcm(rms * np.random.default_rng(1).standard_normal(round(16_000 * seconds)))


def test_levels_before_and_after() -> None:
    """A full-scale sine has its rms 3 dB below its peak; half of it lies 6 dB lower."""
    sine = _pcm(0.999 * np.sin(2 * np.pi * np.arange(1600) / 16))
    meter = Meter()
    meter.add(sine, sine // 2)
    levels = meter.levels()
    assert levels is not None
    assert levels.peak_dbfs == pytest.approx(0, abs=0.05)
    assert levels.rms_dbfs == pytest.approx(-3.01, abs=0.05)
    assert levels.denoised_peak_dbfs == pytest.approx(-6.02, abs=0.05)
    assert levels.denoised_rms_dbfs == pytest.approx(-9.03, abs=0.05)


def test_levels_are_of_what_came_since_the_last_call() -> None:
    meter = Meter()
    assert meter.levels() is None
    meter.add(_hiss(1, 0.1), _hiss(1, 0.1))
    assert meter.levels() is not None
    assert meter.levels() is None
    meter.add(np.zeros(100, np.int16), np.zeros(100, np.int16))
    levels = meter.levels()
    assert levels is not None
    assert levels.rms_dbfs == levels.denoised_peak_dbfs == FLOOR_DBFS


@pytest.mark.parametrize("snr_db", [0, 10, 20])
@pytest.mark.parametrize("disturbance", ["babble-cafe", "street-city", "car-engine"])
def test_the_estimated_ratio_is_near_the_mixed_one(snr_db: float, disturbance: str) -> None:
    """It reads some 3 dB high on the median over an utterance."""
    mixture = mix(utterance("ls-198-209-0000").samples(), noise(disturbance).samples(), snr_db=snr_db)
    pcm = _pcm(mixture.noisy)
    meter = Meter()
    seen = []
    for start in range(0, len(pcm), 1600):
        meter.add(pcm[start : start + 1600], pcm[start : start + 1600])
        if start >= 3 * 16_000 and (estimate := meter.snr_db()) is not None:
            seen.append(estimate)
    assert snr_db - 4 <= float(np.median(seen)) <= snr_db + 8


def test_the_ratio_is_unknown_until_heard_for_a_while_and_in_silence() -> None:
    meter = Meter()
    meter.add(_hiss(2.4, 0.1), _hiss(2.4, 0.1))
    assert meter.snr_db() is None
    meter.add(_hiss(0.2, 0.1), _hiss(0.2, 0.1))
    assert meter.snr_db() is not None
    silent = Meter()
    silent.add(np.zeros(160_000, np.int16), np.zeros(160_000, np.int16))
    assert silent.snr_db() is None
    assert silent.reduction_db() == 0


def test_steady_noise_alone_reads_as_no_speech() -> None:
    meter = Meter()
    meter.add(_hiss(5, 0.1), _hiss(5, 0.1))
    estimate = meter.snr_db()
    assert estimate is not None
    assert estimate < -5


def test_the_reduction_is_measured_in_the_noise_not_in_the_speech() -> None:
    """Noise halved, speech left alone: 6 dB, whatever the speech does to the whole level."""
    quiet, loud = _hiss(2, 0.02), _hiss(1, 0.3)
    meter = Meter()
    meter.add(np.concatenate((quiet, loud)), np.concatenate((quiet // 2, loud)))
    assert meter.reduction_db() == pytest.approx(6, abs=0.2)


def test_the_reduction_is_never_negative_and_0_without_any() -> None:
    meter = Meter()
    assert meter.reduction_db() == 0
    meter.add(_hiss(1, 0.02), _hiss(1, 0.04))
    assert meter.reduction_db() == 0


def test_what_was_measured_under_another_setting_is_forgotten() -> None:
    meter = Meter()
    meter.add(_hiss(3, 0.02), _hiss(3, 0.01))
    meter.forget()
    assert meter.reduction_db() == 0
    assert meter.snr_db() is None


def test_odd_cuts_lose_no_frame() -> None:
    """Frames are 20 ms whatever the blocks are."""
    pcm = _hiss(3, 0.1)
    whole, cut = Meter(), Meter()
    whole.add(pcm, pcm // 4)
    for start in range(0, len(pcm), 777):
        cut.add(pcm[start : start + 777], pcm[start : start + 777] // 4)
    assert whole.snr_db() == cut.snr_db()
    assert whole.reduction_db() == cut.reduction_db()


def test_the_cost_is_computing_time_over_audio_time() -> None:
    cost = Cost()
    assert cost.rtf == 0
    for _ in range(10_000):
        cost.add(0.002, 0.02)
    assert cost.rtf == pytest.approx(0.1)
    for _ in range(10_000):
        cost.add(0.001, 0.02)
    assert cost.rtf == pytest.approx(0.05)
    assert math.isfinite(cost.rtf)
