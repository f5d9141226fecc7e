"""The noise floor from before the window."""

import numpy as np
import pytest

from heard.denoise.primer import LEVEL, Primer

RATE_HZ = 16_000
N_FFT = 1024


@pytest.fixture(name="primer")
def _primer() -> Primer:
    return Primer(N_FFT, RATE_HZ, 2.0)


def _first_frame(pulse: np.ndarray) -> np.ndarray:
    """Return the magnitudes of the gate's first frame, centred on the first sample."""
    frame = np.zeros(N_FFT)
    frame[N_FFT // 2 :] = pulse[: N_FFT // 2]
    return np.asarray(np.abs(np.fft.rfft(frame * np.hanning(N_FFT + 1)[:N_FFT])))


def test_the_pulse_has_the_floor_as_its_spectrum(primer: Primer) -> None:
    """A floor without detail, as noise has it, comes out within 1 dB from 100 Hz up."""
    floor = 10.0 / (1 + np.arange(N_FFT // 2 + 1) / 40)
    found = _first_frame(primer.pulse(floor)) / LEVEL
    np.testing.assert_allclose(20 * np.log10(found[7:] / floor[7:]), 0, atol=1.0)


def test_the_pulse_is_a_whole_number_of_the_gates_hops(primer: Primer) -> None:
    assert primer.samples % (N_FFT // 4) == 0
    assert len(primer.pulse(np.ones(N_FFT // 2 + 1))) == primer.samples


def test_the_floor_of_steady_noise_is_its_mean_magnitude(primer: Primer) -> None:
    """Of white noise: sqrt(pi / 4) of the root of the mean power of a bin (Rayleigh's distribution)."""
    noise = np.random.default_rng(1).standard_normal(56_000).astype(np.float32)
    expected = np.sqrt(np.pi / 4 * (np.hanning(N_FFT + 1)[:N_FFT] ** 2).sum())
    assert abs(float(np.mean(primer.floor(noise, from_start=False)[4:-4])) / expected - 1) < 0.03


def test_the_floor_weighs_what_is_recent(primer: Primer) -> None:
    """Two seconds ago counts e times less than now."""
    now, past = np.ones(16_000, np.float32), np.zeros(40_000, np.float32)
    wave = np.sin(2 * np.pi * 1000 / RATE_HZ * np.arange(56_000)).astype(np.float32)
    late = primer.floor(wave * np.concatenate((past, now)), from_start=False)[64]
    early = primer.floor(wave * np.concatenate((now, past)), from_start=False)[64]
    assert late / early == pytest.approx(np.exp(2.5 / 2.0), rel=0.05)


def test_one_frame_is_enough(primer: Primer) -> None:
    for from_start in (False, True):
        assert np.isfinite(primer.floor(np.ones(N_FFT, np.float32), from_start=from_start)).all()


def test_from_its_start_on_the_floor_is_the_librarys(primer: Primer) -> None:
    """One pole over the frames, begun with the first one, half empty: `filtfilt` on its way forward."""
    samples = np.random.default_rng(3).uniform(-1, 1, 16_000)
    padded = np.concatenate((np.zeros(N_FFT // 2, np.float64), samples))
    hann = np.hanning(N_FFT + 1)[:N_FFT]
    rate = 1 - np.exp(-1 / 125)  # of the gate's frames, 16 ms apart, at 2 s
    first = state = np.abs(np.fft.rfft(padded[:N_FFT] * hann))
    for start in range(N_FFT // 4, len(padded) - N_FFT + 1, N_FFT // 4):
        state = state + rate * (np.abs(np.fft.rfft(padded[start : start + N_FFT] * hann)) - state)
    found = primer.floor(samples.astype(np.float32), from_start=True)
    assert np.linalg.norm(found - state) < 0.1 * np.linalg.norm(state - first)


def test_a_floor_with_digital_silence_in_it_is_finite(primer: Primer) -> None:
    floor = np.zeros(N_FFT // 2 + 1)
    floor[100] = 1
    assert np.isfinite(primer.pulse(floor)).all()
