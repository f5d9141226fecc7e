"""Spectra before and after denoising."""

import numpy as np
import pytest

from heard.denoise.pcm import Pcm
from heard.denoise.spectrum import BANDS, MOST_COLUMNS, STEP, WINDOW, Column, Spectra, edges_hz

RATE_HZ = 16_000


def _sine(hz: float, samples: int, amplitude: float = 0.999) -> Pcm:
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / RATE_HZ)
    return np.asarray(np.rint(32767 * wave), np.int16)


def _dbfs(column: bytes) -> list[float]:
    return [byte / 2 - 120 for byte in column]


def _columns(dry: Pcm, wet: Pcm, end: float = 1000.0, block: int = 320) -> list[Column]:
    spectra, found = Spectra(), list[Column]()
    for at in range(0, len(dry), block):
        stop = min(at + block, len(dry))
        spectra.add(dry[at:stop], wet[at:stop], end - (len(dry) - stop) / RATE_HZ)
        found += spectra.columns()
    return found


@pytest.mark.parametrize("hz", [100, 440, 1000, 3000, 7500])
def test_a_sine_stands_in_the_band_that_has_its_frequency(hz: float) -> None:
    """At -3 dBFS (a little less where it lies at a border), as its mean square has; far bands are silent."""
    column = _columns(_sine(hz, WINDOW), _sine(hz, WINDOW))[0]
    dbfs = _dbfs(column.bands_dbfs)
    loudest = int(np.argmax(dbfs))
    limits = edges_hz()
    assert limits[max(0, loudest - 1)] <= hz <= limits[min(BANDS, loudest + 2)]
    assert 10 * np.log10(sum(10 ** (each / 10) for each in dbfs)) == pytest.approx(-3, abs=0.4)
    assert max(dbfs[: max(0, loudest - 4)] + dbfs[loudest + 5 :]) < -60


def test_before_and_after_are_told_apart() -> None:
    """What noise reduction halves lies 6 dB lower."""
    column = _columns(_sine(1000, WINDOW), _sine(1000, WINDOW) // 2)[0]
    at = int(np.argmax(list(column.bands_dbfs)))
    assert column.bands_dbfs[at] - column.denoised_bands_dbfs[at] == pytest.approx(12, abs=1)


def test_silence_is_the_floor() -> None:
    column = _columns(np.zeros(WINDOW, np.int16), np.zeros(WINDOW, np.int16))[0]
    assert column.bands_dbfs == column.denoised_bands_dbfs == bytes(BANDS)


@pytest.mark.parametrize("block", [1, 320, 777, 40_000])
def test_a_column_every_50_ms_whatever_the_blocks(block: int) -> None:
    """Their times are those of the windows' middles, and what they hold does not depend on the cuts."""
    hiss = np.asarray(3000 * np.random.default_rng(3).standard_normal(16_000), np.int16)
    columns = _columns(hiss, hiss, block=block)
    assert len(columns) == (16_000 - WINDOW) // STEP + 1
    first = 1000.0 - 1 + WINDOW / 2 / RATE_HZ
    assert [each.time for each in columns] == pytest.approx([first + 0.05 * n for n in range(len(columns))])
    assert [each.bands_dbfs for each in columns] == [each.bands_dbfs for each in _columns(hiss, hiss)]


def test_what_nobody_fetches_is_bounded() -> None:
    """The oldest columns go."""
    spectra = Spectra()
    silence = np.zeros(16_000, np.int16)
    for second in range(60):
        spectra.add(silence, silence, float(second))
    columns = spectra.columns()
    assert len(columns) == MOST_COLUMNS
    assert columns[-1].time > 58.9
    assert spectra.columns() == []


def test_no_window_spans_a_hole() -> None:
    """After a cut a whole window has to come before the next column."""
    spectra = Spectra()
    spectra.add(_sine(440, WINDOW - 1), _sine(440, WINDOW - 1), 1.0)
    spectra.cut()
    spectra.add(_sine(440, WINDOW - 1), _sine(440, WINDOW - 1), 2.0)
    assert spectra.columns() == []
    spectra.add(_sine(440, 1), _sine(440, 1), 2.0)
    assert len(spectra.columns()) == 1
