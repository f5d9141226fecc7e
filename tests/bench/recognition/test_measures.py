"""What is said of sound, where the right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from ...support import corpus
from .measures import gain_db, has_pesq, quality, si_sdr_db


def test_a_tenth_of_noise_is_20_db_at_any_level() -> None:
    """The ratio does not depend on how loud the signal is."""
    random = np.random.default_rng(1)
    clean = random.standard_normal(100_000)
    noise = random.standard_normal(100_000)
    assert si_sdr_db(clean, clean + 0.1 * noise) == pytest.approx(20, abs=0.1)
    assert si_sdr_db(clean, 0.3 * (clean + 0.1 * noise)) == pytest.approx(20, abs=0.1)


def test_half_of_the_speech_is_6_db_less_whatever_becomes_of_the_noise() -> None:
    """Only the part of the signal that is the speech counts."""
    random = np.random.default_rng(1)
    clean = random.standard_normal(100_000)
    noise = random.standard_normal(100_000)
    noise -= (noise @ clean) / (clean @ clean) * clean
    assert gain_db(clean, clean + noise, 0.5 * clean + 0.1 * noise) == pytest.approx(-6.02, abs=0.01)


def test_noise_lowers_every_figure() -> None:
    """Real speech with hiss is further from the speech than with a tenth of it."""
    clean = corpus.utterance("vctk-p225-011").samples()
    hiss = np.random.default_rng(1).standard_normal(len(clean)) * clean.std()
    much, little = (quality(clean, clean + hiss, clean + share * hiss) for share in (1.0, 0.1))
    assert much.si_sdr_db < little.si_sdr_db
    assert much.stoi < little.stoi <= 1
    assert (much.pesq is None) == (not has_pesq())
    if much.pesq is not None and little.pesq is not None:
        assert 1 <= much.pesq < little.pesq <= 4.65
