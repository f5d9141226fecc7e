"""Somebody speaks and no text comes: told after a minute, with real speech, and never of noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from heard.upstream.wordless import LONG_S, VERDICT, VOICED_S, Wordless
from heard.wire.codec import Body
from heard.wire.topics import Topic

from ...support import corpus
from .world import RATE_HZ, World

BLOCK = 1600
Sound = npt.NDArray[np.float64]
SPOKEN = np.concatenate([utterance.samples() for utterance in corpus.utterances()])
"""100 s of several people, one after the other."""


def pcm_of(sound: Sound) -> bytes:
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def turns(sound: Sound, *, text_at_s: float | None = None, wordless: Wordless | None = None) -> list[float]:
    """Return after how many seconds the verdict begins, is over, and so on."""
    wordless, pcm, found = wordless or Wordless(RATE_HZ), pcm_of(sound), []
    for at in range(0, len(pcm), 2 * BLOCK):
        wordless.hear(pcm[at : at + 2 * BLOCK])
        second = (at / 2 + BLOCK) / RATE_HZ
        if wordless.turn(int(text_at_s is not None and second >= text_at_s)):
            found.append(second)
    return found


def at_level(dbfs: float, sound: Sound) -> Sound:
    return np.asarray(sound * 10 ** (dbfs / 20) / np.sqrt(np.mean(sound * sound)))


@pytest.mark.parametrize("gain_db", [0, -20])
def test_a_minute_of_speech_without_text_is_told(gain_db: float) -> None:
    """As soon as a minute is over, however softly they speak."""
    assert turns(SPOKEN * 10 ** (gain_db / 20)) == [pytest.approx(LONG_S, abs=0.1)]


def test_a_person_who_mostly_listens_is_told_of_too() -> None:
    """A third of speech is enough of it."""
    rng = np.random.default_rng(0)
    said = [utterance.samples() for utterance in corpus.utterances()]
    mostly = np.concatenate([np.concatenate((one, rng.normal(0, 1e-3, 2 * len(one)))) for one in said])
    assert turns(mostly) == [pytest.approx(LONG_S, abs=0.1)]


def test_speech_in_noise_is_speech() -> None:
    """At 10 dB, in every noise."""
    for noise in corpus.noises():
        length = 70 * RATE_HZ
        room = np.resize(at_level(-36, noise.samples()), length)
        assert len(turns(at_level(-26, SPOKEN[:length]) + room)) == 1, noise.name


def test_noise_alone_is_never_speech() -> None:
    """More than a minute of a café, a street, a train, a keyboard, a car."""
    for noise in corpus.noises():
        wordless = Wordless(RATE_HZ)
        loud = np.resize(at_level(-20, noise.samples()), 75 * RATE_HZ)
        assert turns(loud, wordless=wordless) == [], noise.name
        assert wordless._spoken_s() < VOICED_S / 4, noise.name


def test_text_ends_it_and_the_minute_begins_anew() -> None:
    """Text that comes in time is why nothing is told."""
    long = np.tile(SPOKEN, 2)
    assert turns(SPOKEN[: 80 * RATE_HZ], text_at_s=70) == [
        pytest.approx(LONG_S, abs=0.1),
        pytest.approx(70, abs=0.1),
    ]
    assert turns(long[: 100 * RATE_HZ], text_at_s=50) == []
    assert turns(long[: 120 * RATE_HZ], text_at_s=50) == [pytest.approx(50 + LONG_S, abs=0.2)]


SPEECH = pcm_of(SPOKEN)


def speech(start: int, count: int) -> bytes:
    """Return real speech, for as long as there is."""
    return SPEECH[2 * start : 2 * (start + count)]


def told(world: World) -> list[Body]:
    return [event.body for event in world.events if event.topic is Topic.SOURCE]


def test_a_line_whose_service_writes_nothing_tells_it() -> None:
    """Once, and in the status; an end of the audio ends it without a word."""
    world = World(sound=speech, spoken=lambda _: False)
    world.run(LONG_S - 2)
    assert told(world) == []
    world.run(6)
    (body,) = told(world)
    assert (body["event"], body["verdict"]) == ("verdict", VERDICT)
    assert world.line.status()["verdicts"] == [VERDICT]
    world.end()
    assert world.line.status()["verdicts"] == []


def test_a_line_whose_service_writes_tells_nothing() -> None:
    """Words come all the time."""
    world = World()
    world.run(LONG_S + 5)
    assert told(world) == []


def test_an_outage_is_not_speech_without_text() -> None:
    """Nobody is there who could write; that is another event."""
    world = World(sound=speech, spoken=lambda _: False, unreachable=True)
    world.run(LONG_S + 5)
    assert told(world) == []
