"""The bench of thresholds: what it calls the library's own is that."""

import noisereduce
import numpy as np

from heard.compare.grid import OFF, Setting
from heard.denoise.pcm import Pcm, to_float

from .threshold import SETTINGS, denoised

RATE_HZ = 16_000


def hiss(seconds: float) -> Pcm:
    samples = 3000 * np.random.default_rng(2).standard_normal(round(seconds * RATE_HZ))
    return np.rint(samples).astype(np.int16)


def test_every_setting_gives_as_much_as_it_was_given() -> None:
    """Whole hops or not; off changes nothing."""
    pcm = hiss(1.01)
    assert all(len(denoised(pcm, each)) == len(pcm) for each in SETTINGS)
    assert np.array_equal(denoised(pcm, OFF), pcm)


def test_the_librarys_own_threshold_is_its_default() -> None:
    """Where nothing is said of it the library comes to the same."""
    pcm = hiss(2)
    reduced = noisereduce.reduce_noise(
        y=to_float(pcm), sr=RATE_HZ, stationary=False, n_fft=1024, padding=0, prop_decrease=0.3, n_jobs=1
    )
    found = to_float(denoised(pcm, Setting("library", 0.3)))
    assert abs(found[: len(reduced)] - reduced).max() < 1e-4


def test_silence_stays_silence() -> None:
    """The library makes NaN of it."""
    assert not denoised(np.zeros(RATE_HZ, np.int16), Setting("library-1", 0.3)).any()


def test_the_adaptive_mix_does_nothing_before_it_knows_the_noise() -> None:
    """And the same as the other, for steady noise, from then on."""
    pcm = hiss(8)
    adaptive = denoised(pcm, Setting("library", 0.3, adaptive=True))
    assert np.array_equal(adaptive[: 2 * RATE_HZ], pcm[: 2 * RATE_HZ])
    fixed = denoised(pcm, Setting("library", 0.3))
    assert np.abs(adaptive[-RATE_HZ:].astype(int) - fixed[-RATE_HZ:]).max() <= 1
