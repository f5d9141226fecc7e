"""The bound: what the library makes of a recording's past, against what it makes of all of it."""

from __future__ import annotations

import numpy as np
import pytest

from heard.denoise.noisereduce import SHAPE
from heard.denoise.pcm import to_float

from ..support import corpus
from ..support.corpus import RATE_HZ
from ..support.mixing import mix
from .bound import SECOND, Bound, bound, difference_db, table
from .denoise import stream
from .simple_loop import Pcm

FROM_S = 4.0


def test_a_tenth_of_difference_is_20_db() -> None:
    """Error and signal are compared by their power."""
    wave = np.sin(np.arange(1000.0)).astype(np.float32)
    assert difference_db(wave, wave * np.float32(0.9)) == pytest.approx(20, abs=0.01)


def test_what_is_missing_is_the_future() -> None:
    """A second more of it brings the library nearer to the whole; the stream is about as near without."""
    pcm = noisy()
    found = bound("mix", to_float(pcm), stream(pcm), from_s=FROM_S, every=4)
    assert found.hops == -(-(len(pcm) - FROM_S * RATE_HZ) // (4 * SHAPE.hop))
    assert found.second > found.known + 3
    assert found.stream > found.known - 3


def test_with_the_end_in_sight_nothing_is_missing() -> None:
    """The library on all that there is, is the whole recording's own result."""
    pcm = noisy()[: round(FROM_S * RATE_HZ) + SECOND]
    found = bound("mix", to_float(pcm), stream(pcm), from_s=FROM_S + 0.1, every=4)
    assert found.second > 100


def test_the_table_shows_least_and_median() -> None:
    """Under the mixes stand the least and the median of each column."""
    shown = table([Bound("a", 10.0, 11.0, 20.0, 5), Bound("b", 14.0, 15.0, 30.0, 5)])
    heard = list(shown.columns[1].cells)
    assert heard == ["10.0", "14.0", "10.0", "12.0"]


def noisy() -> Pcm:
    """Return some 8 s of speech in a café."""
    speech, noise = corpus.utterance("ls-198-209-0000"), corpus.noise("babble-cafe")
    mixture = mix(speech.samples(), noise.samples(), snr_db=5, seed=3, lead_in_s=1.0)
    return np.clip(np.rint(mixture.noisy * 32768), -32768, 32767).astype(np.int16)[: 8 * RATE_HZ]
