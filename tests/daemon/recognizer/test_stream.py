"""Turns of real speech, read by the real model."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from heard.recognizer.engines import (
    Final,
    Partial,
    Samples,
    SpeechEvent,
    SpeechStarted,
    TurnSettings,
    UtteranceEngine,
)
from heard.recognizer.moonshine import TINY, load
from heard.recognizer.stream import TurnEngine

from ...support import corpus
from ...support.wer import word_error_rate

RATE_HZ = 16_000


@pytest.fixture(autouse=True)
def _a_reading_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else partials would be as many as this machine has time for just now."""
    monkeypatch.setattr("heard.recognizer.stream.PARTIAL_COST", 0.0)


@cache
def moonshine() -> UtteranceEngine:
    return load(TINY)


def audio(*names: str, gap_s: float = 1.0) -> Samples:
    """Return recordings one after the other, with silence before, between and after."""
    gap = np.zeros(int(gap_s * RATE_HZ))
    parts = [part for name in names for part in (corpus.utterance(name).samples(), gap)]
    return np.concatenate([gap, *parts]).astype(np.float32)


def transcript(*names: str) -> str:
    return " ".join(corpus.utterance(name).transcript for name in names)


def hear(
    samples: Samples,
    *,
    block: int = 800,
    settings: TurnSettings | None = None,
    max_turn_s: float = 15.0,
    behind: bool = False,
) -> list[SpeechEvent]:
    stream = TurnEngine(moonshine(), max_turn_s=max_turn_s).open(settings or TurnSettings())
    events: list[SpeechEvent] = []
    for at in range(0, len(samples), block):
        events += stream.push(samples[at : at + block], behind=behind)
    return events + stream.finish()


def finals(events: Sequence[SpeechEvent]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def text_of(event: Final | Partial) -> str:
    return " ".join(word.text for word in event.words)


def test_each_sentence_is_a_turn_with_its_words_and_times() -> None:
    """Two recordings a second apart: two turns, words right, times within the recordings."""
    names = ("vctk-p225-011", "arctic-aew-a0003")
    first_s, second_s = (corpus.utterance(name).duration_s for name in names)
    events = hear(audio(*names))
    first, second = finals(events)
    pairs = [(transcript(names[0]), text_of(first)), (transcript(names[1]), text_of(second))]
    assert word_error_rate(pairs) <= 0.1
    assert 1000 <= first.words[0].start_ms < first.words[-1].end_ms <= 1000 * (1.1 + first_s)
    assert 1000 * (2 + first_s) <= second.words[0].start_ms
    assert second.words[-1].end_ms <= 1000 * (2.1 + first_s + second_s)
    assert all(0 < word.confidence <= 1 for word in (*first.words, *second.words))


def test_every_turn_is_announced_then_shown_then_final() -> None:
    """SpeechStarted, partials that grow into the final, one Final."""
    events = hear(audio("vctk-p225-011"))
    assert isinstance(events[0], SpeechStarted)
    assert isinstance(events[-1], Final)
    partials = [event for event in events if isinstance(event, Partial)]
    assert len(partials) >= 4
    assert len(partials) + 2 == len(events)
    said, shown = text_of(events[-1]).split(), text_of(partials[-1]).split()
    assert len(shown) > len(said) / 2
    assert word_error_rate([(" ".join(said[: len(shown)]), " ".join(shown))]) <= 0.2
    for partial in partials:
        ends = [word.end_ms for word in partial.words]
        assert ends == sorted(ends)


def test_finals_depend_on_the_audio_alone() -> None:
    """Frames of any size, behind or not: the same words at the same times."""
    samples = audio("ls-198-209-0000")
    wanted = finals(hear(samples))
    assert finals(hear(samples, block=11_111, behind=True)) == wanted


def test_speech_without_a_pause_is_split_and_stays_whole() -> None:
    """Three recordings of different speakers without a pause, 8 s a turn: no word lost or doubled."""
    names = ("vctk-p226-016", "vctk-p228-021", "vctk-p225-011")
    settings = TurnSettings(min_turn_silence_ms=3000, max_turn_silence_ms=3000)
    turns = finals(hear(audio(*names, gap_s=0.05), settings=settings, max_turn_s=8.0, behind=True))
    assert len(turns) >= 3
    assert all(turn.words[-1].end_ms - turn.words[0].start_ms <= 8_000 for turn in turns)
    times = [(word.start_ms, word.end_ms) for turn in turns for word in turn.words]
    assert times == sorted(times)
    said = " ".join(text_of(turn) for turn in turns)
    assert word_error_rate([(transcript(*names), said)]) <= 0.2


def test_a_forced_endpoint_says_what_was_heard_so_far() -> None:
    """The words until then, once; what follows is another turn."""
    samples = audio("vctk-p225-011")
    stream = TurnEngine(moonshine()).open(TurnSettings())
    half = int(4.2 * RATE_HZ)
    stream.push(samples[:half], behind=True)
    assert stream.turn_open
    (first,) = finals(stream.force_endpoint())
    assert not stream.turn_open
    assert stream.force_endpoint() == []
    rest = finals([*stream.push(samples[half:], behind=True), *stream.finish()])
    said = " ".join(text_of(turn) for turn in (first, *rest))
    assert word_error_rate([(transcript("vctk-p225-011"), said)]) <= 0.25


def test_without_continuous_partials_a_turn_is_shown_once_and_at_pauses() -> None:
    """As the service does where they are not asked for."""
    events = hear(audio("vctk-p225-011"), settings=TurnSettings(continuous_partials=False))
    assert sum(isinstance(event, Partial) for event in events) == 1


@pytest.mark.parametrize("name", ["street-city", "train-interior", "car-engine", "keyboard-typing"])
def test_noise_says_nothing(name: str) -> None:
    """Traffic, trains, engines and keys open no turn that has words."""
    assert finals(hear(corpus.noise(name).samples().astype(np.float32), behind=True)) == []


@pytest.mark.parametrize("level", [0.0, 1e-6, 1.0])
def test_silence_and_constant_levels_say_nothing(level: float) -> None:
    """Digital silence, a trace, and full scale without change."""
    assert hear(np.full(3 * RATE_HZ, level, np.float32)) == []


def test_very_short_audio_says_nothing_or_little() -> None:
    """A stream may end before its first chunk is full."""
    assert hear(np.zeros(1, np.float32)) == []
    assert hear(np.zeros(0, np.float32)) == []


def test_words_end_within_the_audio() -> None:
    """The last chunk is filled up; the times are not."""
    samples = audio("arctic-aew-a0003", gap_s=0.0)[:-700]
    (final,) = finals(hear(samples))
    assert final.words[-1].end_ms <= len(samples) * 1000 / RATE_HZ
