"""The whole way, small: real speech, real backends, the real recognizer, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from heard.compare.grid import Setting

from ...support import corpus
from .kept import Kept
from .memory import memory_bytes
from .mixes import RATE_HZ, Mix, by_name, sound_of
from .outcome import Outcome
from .run import Series, Versions, Wanted, run, tasks
from .summary import OFF
from .work import Task

GATE = Setting("gate", 0.3)
NOISY = Mix("development", "arctic-aew-a0003", "babble-cafe", 10, 5)


def test_a_mix_is_reproducible_and_says_where_the_speech_is() -> None:
    """Before the speech there is noise alone; the clean mix is the speech itself."""
    recordings = by_name(*corpus.load())
    sound = sound_of(NOISY, recordings)
    assert (sound.pcm == sound_of(NOISY, recordings).pcm).all()
    assert not sound.clean[: sound.speech.start].any()
    assert sound.pcm[: sound.speech.start].any()
    spoken = recordings[NOISY.utterance].samples()
    assert sound.speech.stop - sound.speech.start == len(spoken)
    clean = sound_of(Mix("development", NOISY.utterance, "", None, 5), recordings)
    assert abs(clean.pcm[clean.speech] / 32768 - spoken).max() < 1 / 32768


def test_names_must_differ() -> None:
    """Results are kept by name."""
    speech, noises = corpus.load()
    with pytest.raises(ValueError, match="names must differ"):
        by_name((*speech, speech[0]), noises)


def test_a_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is not done again; a further setting is the only one that is."""
    monkeypatch.syspath_prepend(Path(__file__).parents[3])  # where a worker looks for this package
    kept, versions = Kept(tmp_path), Versions()
    done: list[Task] = []

    def keep(task: Task, outcomes: dict[Setting, Outcome]) -> None:
        done.append(task)
        for setting, outcome in outcomes.items():
            kept.put(versions.key(task.mix, setting, task.engine), outcome)

    for settings in ((OFF,), (OFF, GATE), (OFF, GATE)):
        asked = [Wanted(Series("", "moonshine-tiny", 1, settings, sound=True), (NOISY,))]
        run(tasks(asked, Kept(tmp_path), versions, corpus.DATA), keep, jobs=1)
    assert [task.settings for task in done] == [(OFF,), (GATE,)]
    dry, wet = (kept.get(versions.key(NOISY, setting, "moonshine-tiny")) for setting in (OFF, GATE))
    assert dry is not None
    assert wet is not None
    assert dry.words == wet.words == 11
    assert max(dry.errors, wet.errors) < 6
    assert dry.quality is not None
    assert wet.quality is not None
    assert wet.quality.gain_db < dry.quality.gain_db == pytest.approx(0, abs=0.01)
    assert wet.compute_s > dry.compute_s > 0
    assert dry.audio_s * RATE_HZ > 0


def test_series_share_results_and_take_turns(tmp_path: Path) -> None:
    """A run that ends early has some of each; what another has asked for already is not done twice."""
    mixes = tuple(Mix("development", f"u{number}", "rain", 5, 1) for number in range(6))
    asked = [
        Wanted(Series("all", "moonshine-tiny", 1, (OFF, GATE), sound=True), mixes[:2]),
        Wanted(Series("more", "moonshine-tiny", 3, (OFF,), share=2), mixes),
        Wanted(Series("base", "moonshine-base", 1, (OFF,)), mixes[:2]),
    ]
    found = tasks(asked, Kept(tmp_path), Versions(), corpus.DATA)
    assert [(task.engine[-4:], task.mix.utterance, len(task.settings), task.sound) for task in found] == [
        ("tiny", "u0", 2, True),
        ("tiny", "u2", 1, False),
        ("tiny", "u3", 1, False),
        ("base", "u0", 1, False),
        ("tiny", "u1", 2, True),
        ("tiny", "u4", 1, False),
        ("tiny", "u5", 1, False),
        ("base", "u1", 1, False),
    ]


def test_no_task_begins_after_the_limit() -> None:
    """A run that is out of time before it began does nothing."""
    task = Task(corpus.DATA, NOISY, (OFF,), "moonshine-tiny", sound=False)

    def keep(task: Task, outcomes: dict[Setting, Outcome]) -> None:
        raise AssertionError(f"{task.mix.name} was done")

    run([task], keep, jobs=1, until_s=0.0)


def test_memory_is_measured_in_a_child() -> None:
    """A backend that brings a library takes more than one that does nothing."""
    assert memory_bytes("noisereduce") > memory_bytes("off") + (20 << 20)
