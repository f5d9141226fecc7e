"""How much of the mix is in force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.denoise.adaptive import FULL_DB, NONE_DB, REACH, STEP, Adaptive, share_at
from heard.denoise.pcm import Pcm
from heard.denoise.stream import KEPT_SAMPLES

from ...support.corpus import noise, utterances
from ...support.mixing import mix
from .made import RATE_HZ

NOTHING = np.zeros(0, np.int16)
SPEECH = [each for each in utterances() if each.duration_s >= 6]


def _pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pcm:
    return np.asarray(np.rint(samples * 32768), np.int16)


def _mixed(snr_db: float, number: int = 0, disturbance: str = "car-engine") -> Pcm:
    speech = SPEECH[number].samples()
    return _pcm(mix(np.concatenate((speech, speech)), noise(disturbance).samples(), snr_db=snr_db).noisy)


def _shares(pcm: Pcm, block: int = 1600, start: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    adaptive = Adaptive(start, NOTHING)
    out = []
    for at in range(0, len(pcm), block):
        adaptive.hear(pcm[at : at + block])
        out.append(adaptive.over(start + at, start + min(len(pcm), at + block)))
    return np.concatenate(out)


def test_full_up_to_10_db_none_from_15_db_and_a_line_between() -> None:
    assert [share_at(ratio) for ratio in (None, -10.0, FULL_DB, NONE_DB, 40.0)] == [0, 1, 1, 0, 0]
    assert share_at((FULL_DB + NONE_DB) / 2) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("snr_db", "least", "most"), [(0, 0.97, 1), (5, 0.9, 1), (10, 0.3, 0.9), (20, 0, 0.1)]
)
@pytest.mark.parametrize("disturbance", ["car-engine", "babble-cafe", "street-city"])
def test_the_mix_follows_the_noise(snr_db: float, least: float, most: float, disturbance: str) -> None:
    """On the mean from 4 s on, for mixes of known ratio."""
    share = float(_shares(_mixed(snr_db, 1, disturbance))[4 * RATE_HZ :].mean())
    assert least <= share <= most


@pytest.mark.parametrize("number", range(0, len(SPEECH), 2))
def test_clean_speech_is_left_alone(number: int) -> None:
    speech = SPEECH[number].samples()
    assert float(_shares(_pcm(np.concatenate((speech, speech)))).mean()) < 0.03


def test_nothing_is_in_force_before_anything_is_known() -> None:
    """For 2.5 s, and in digital silence."""
    assert not _shares(_mixed(0))[: int(2.5 * RATE_HZ)].any()
    assert not _shares(np.zeros(8 * RATE_HZ, np.int16)).any()


def test_it_moves_the_whole_way_in_a_second_at_the_fastest_and_jumps_in_no_sample() -> None:
    loud, quiet = _mixed(0, 2), _mixed(40, 2)
    shares = _shares(np.concatenate((loud, quiet, loud)))
    assert shares.min() == 0
    assert shares.max() == pytest.approx(1)
    assert float(np.abs(np.diff(shares)).max()) <= 1.01 / RATE_HZ


def test_what_moves_is_not_heard() -> None:
    """A tone of which half is taken away and given back has no click above -60 dBFS."""
    loud, quiet = _mixed(0, 2), _mixed(40, 2)
    shares = _shares(np.concatenate((loud, quiet, loud))).astype(np.float64)
    turn = 2 * np.pi * 440 / RATE_HZ
    out = np.sin(turn * np.arange(len(shares))) * (1 - shares / 2)
    # A tone obeys x[n+1] = 2 cos(w) x[n] - x[n-1]; a click does not.
    left = out[2:] - 2 * np.cos(turn) * out[1:-1] + out[:-2]
    assert 20 * np.log10(np.abs(left).max()) < -60


def test_it_reaches_no_further_back_than_a_replay() -> None:
    assert REACH <= KEPT_SAMPLES


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=9), st.integers(0, 3 * STEP))
def test_any_chunking_and_any_start_of_a_replay_give_the_same_shares(cuts: list[int], late: int) -> None:
    pcm = _mixed(11, 3)
    whole = _shares(pcm)
    position = REACH + late
    replay = Adaptive(position - REACH, pcm[position - REACH : position])
    at = position
    for cut in cuts:
        replay.hear(pcm[at : at + cut])
        stop = min(len(pcm), at + cut)
        np.testing.assert_array_equal(replay.over(at, stop), whole[at:stop])
        at = stop


def test_sample_numbers_of_a_thousand_hours_change_nothing() -> None:
    far = 1000 * 3600 * RATE_HZ
    pcm = _mixed(11, 3)
    np.testing.assert_array_equal(_shares(pcm, start=far), _shares(pcm))
