"""What a person is told of a source's sound: with real speech and noise, each once, nothing in vain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from heard.capture.verdicts import FORGIVEN_S, Verdicts
from heard.capture.windows import Windows

from ...support import corpus

RATE_HZ = 16_000
BLOCK = 320
Sound = npt.NDArray[np.float64]
SPOKEN = np.concatenate([utterance.samples() for utterance in corpus.utterances()])
"""100 s of several people, one after the other."""


def at_level(dbfs: float, sound: Sound) -> Sound:
    """Return the sound with this RMS."""
    return np.asarray(sound * 10 ** (dbfs / 20) / np.sqrt(np.mean(sound * sound)))


def told(sound: Sound, verdicts: Verdicts | None = None) -> list[tuple[float, str, bool]]:
    """Return what is told of the sound: (after how many seconds, the verdict, whether it begins)."""
    verdicts, windows = verdicts or Verdicts(), Windows()
    pcm = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    return [
        (round((at + BLOCK) / RATE_HZ, 2), change.name, change.begins)
        for at in range(0, len(pcm), BLOCK)
        for window in windows.take(pcm[at : at + BLOCK])
        for change in verdicts.hear(window)
    ]


def seconds(length_s: float) -> Sound:
    return np.zeros(round(length_s * RATE_HZ))


def names(sound: Sound) -> list[str]:
    return [name for _, name, _ in told(sound)]


@pytest.mark.parametrize("gain_db", [0, -10, -20])
def test_nothing_is_said_of_ordinary_speech(gain_db: float) -> None:
    """Whoever speaks, loud or soft."""
    assert told(SPOKEN * 10 ** (gain_db / 20)) == []


def test_nothing_is_said_of_speech_that_just_reaches_full_scale() -> None:
    """Each recording by itself, again and again, normalised as a file often is."""
    for utterance in corpus.utterances():
        sound = utterance.samples()
        assert told(np.tile(sound / np.abs(sound).max(), 4)) == [], utterance.name


@pytest.mark.parametrize("level_dbfs", [-30, -45, -60])
def test_nothing_is_said_of_a_room_in_which_nobody_speaks(level_dbfs: float) -> None:
    """Cars, trains, cafés, all of it much quieter than speech; the microphone works."""
    for noise in corpus.noises():
        if noise.name != "keyboard-typing":
            assert names(np.tile(at_level(level_dbfs, noise.samples()), 6)) == [], noise.name


def test_only_zeros_are_told_within_two_seconds_and_their_end_too() -> None:
    """A microphone that was switched off, and on again."""
    ((began_s, name, begins), (over_s, same, again)) = told(
        np.concatenate((SPOKEN[: 2 * RATE_HZ], seconds(4), SPOKEN[: 2 * RATE_HZ]))
    )
    assert (name, same, begins, again) == ("digital-silence", "digital-silence", True, False)
    assert 2 < began_s <= 4
    assert 6 < over_s <= 7


def test_zeros_that_come_and_go_are_not_told_each_time() -> None:
    """A monitor of an output between sentences: it takes longer from time to time, until it is forgiven."""
    verdicts = Verdicts(monitor=True)
    pauses = np.concatenate([np.concatenate((seconds(3), SPOKEN[:RATE_HZ])) for _ in range(40)])
    assert len(told(pauses, verdicts)) <= 8
    told(np.tile(SPOKEN, 4)[: round(FORGIVEN_S * RATE_HZ)], verdicts)
    assert [name for _, name, _ in told(seconds(3), verdicts)] == ["digital-silence"]


@pytest.mark.parametrize("gain_db", [12, 20])
def test_clipping_is_told(gain_db: float) -> None:
    """Speech with its peaks cut off, within some seconds."""
    sound = np.clip(SPOKEN / np.abs(SPOKEN).max() * 10 ** (gain_db / 20), -1, 1)
    (first, *_) = told(sound)
    assert first[1:] == ("clipping", True)
    assert first[0] < 10


def test_clipping_is_over_once_nothing_clips_for_a_while() -> None:
    """Ten seconds after somebody has turned the gain down."""
    loud = np.clip(SPOKEN[: 20 * RATE_HZ] * 30, -1, 1)
    *_, (over_s, name, begins) = told(np.concatenate((loud, SPOKEN[: 15 * RATE_HZ])))
    assert (name, begins) == ("clipping", False)
    assert over_s == pytest.approx(30, abs=1)


@pytest.mark.parametrize("gain_db", [-40, -50])
def test_speech_that_is_far_too_faint_is_told(gain_db: float) -> None:
    """Once, within a quarter of a minute; and when somebody has turned it up."""
    faint = SPOKEN[: 40 * RATE_HZ] * 10 ** (gain_db / 20)
    (first, last) = told(np.concatenate((faint, SPOKEN[: 20 * RATE_HZ])))
    assert first[1:] == ("too-quiet", True)
    assert first[0] <= 15.5
    assert last[1:] == ("too-quiet", False)
    assert last[0] < 50


def test_a_plug_that_is_not_in_is_told() -> None:
    """Some steps of noise and nothing else, from the start."""
    rng = np.random.default_rng(1)
    assert [each[1:] for each in told(rng.normal(0, 2 / 32768, 30 * RATE_HZ))] == [("too-quiet", True)]


def test_a_quiet_room_after_speech_is_not_too_quiet() -> None:
    """The microphone has shown that it hears: five minutes of almost nothing are a pause."""
    rng = np.random.default_rng(1)
    pause = rng.normal(0, 2 / 32768, 300 * RATE_HZ)
    assert told(np.concatenate((SPOKEN[: 10 * RATE_HZ], pause))) == []


def test_a_monitor_that_plays_softly_is_not_too_quiet() -> None:
    """Of an output's sound only faint speech is told, not that nothing is played."""
    rng = np.random.default_rng(1)
    assert told(rng.normal(0, 2 / 32768, 30 * RATE_HZ), Verdicts(monitor=True)) == []


def test_an_interruption_ends_every_verdict() -> None:
    """Muted or lost: nothing holds any more, and nothing is told of what came before."""
    verdicts = Verdicts()
    told(seconds(2), verdicts)
    assert verdicts.names == ["digital-silence"]
    verdicts.forget()
    assert verdicts.names == []
    assert told(SPOKEN[: 2 * RATE_HZ], verdicts) == []
