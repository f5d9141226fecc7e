"""What a recording says about its microphone."""

from __future__ import annotations

import numpy as np
import pytest

from heard.doctor.finding import State
from heard.doctor.loudness import level, measure

SECOND = np.arange(16000) / 16000


def pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()


def sine(amplitude: float) -> bytes:
    return pcm(amplitude * np.sin(2 * np.pi * 440 * SECOND))


@pytest.mark.parametrize(
    ("recording", "state", "word"),
    [
        (bytes(32000), State.FAULT, "digital silence"),
        (sine(10 ** (-70 / 20)), State.WARNING, "far too low"),
        (sine(10 ** (-60 / 20)), State.OK, "-63 dBFS, peak -60"),
        (sine(0.3), State.OK, "dBFS"),
        (sine(0.99), State.OK, "dBFS"),
        (sine(2.0), State.WARNING, "clipping"),
    ],
)
def test_levels(recording: bytes, state: State, word: str) -> None:
    """Silence to the last bit is a fault; what can be turned up or down is a warning."""
    found = measure(recording)
    assert found is not None
    (finding,) = level("mic", found, monitor=False)
    assert (finding.check, finding.state) == ("level mic", state)
    assert word in finding.found
    assert bool(finding.fix) is (state is not State.OK)


def test_a_monitor_may_be_silent() -> None:
    """Nobody speaks on the other side: a warning, so that the report does not fail."""
    found = measure(bytes(32000))
    assert found is not None
    (finding,) = level("far", found, monitor=True)
    assert finding.state is State.WARNING


def test_one_click_is_no_clipping() -> None:
    """A single sample at the limit, of a door that slams, is not speech that is too loud."""
    quiet = 0.1 * np.sin(2 * np.pi * 440 * SECOND)
    quiet[5000] = 1.0
    found = measure(pcm(quiet))
    assert found is not None
    (finding,) = level("mic", found, monitor=False)
    assert finding.state is State.OK


def test_nothing_cannot_be_measured() -> None:
    """No sample, or half of one."""
    assert measure(b"") is None
    assert measure(b"x") is None
