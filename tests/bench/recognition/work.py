"""One mix through the settings that are asked for, in a process that does nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from heard.compare.grid import Setting
from heard.compare.hear import loaded, transcript
from heard.denoise.allocator import keep_freed_memory
from heard.denoise.pcm import to_float
from heard.denoise.registry import Registry
from heard.recognizer.engines import StreamingEngine

from ...support.corpus import Noise, Utterance, load
from .measures import Quality, Signal, quality
from .mixes import RATE_HZ, Mix, Sound, by_name, is_studio, sound_of
from .outcome import Outcome
from .through import denoised
from .words import counted

NICE = 19


@dataclass(frozen=True, slots=True)
class Task:
    """One mix for one engine. `sound`: measure the sound too, where it has a clean reference."""

    corpus: Path
    mix: Mix
    settings: tuple[Setting, ...]
    engine: str
    sound: bool


def begin() -> None:
    """Make this process a worker: everything else on the machine goes first."""
    os.nice(NICE - os.nice(0))
    keep_freed_memory()  # as the stage does


def done(task: Task) -> dict[Setting, Outcome]:
    """Run a task; the first one of a process loads what it needs."""
    recordings = _recordings(task.corpus)
    utterance = recordings[task.mix.utterance]
    assert isinstance(utterance, Utterance)
    sound = sound_of(task.mix, recordings)
    outcomes: dict[Setting, Outcome] = {}
    for setting, result in denoised(sound.pcm, task.settings, _registry()).items():
        said = transcript(_engine(task.engine), result.pcm[sound.listen])
        count = counted(utterance.transcript, said)
        wanted = task.sound and task.mix.snr_db is not None and is_studio(utterance.name)
        outcomes[setting] = Outcome(
            said=said,
            errors=count.errors,
            uncut=count.uncut,
            words=count.words,
            audio_s=len(sound.pcm) / RATE_HZ,
            compute_s=result.compute_s,
            quality=_quality(sound, to_float(result.pcm[sound.speech]).astype(float)) if wanted else None,
        )
    return outcomes


def _quality(sound: Sound, wet: Signal) -> Quality:
    dry = to_float(sound.pcm)[sound.speech].astype(float)
    return quality(sound.clean[sound.speech], dry, wet)


@cache
def _recordings(corpus: Path) -> dict[str, Utterance | Noise]:
    return by_name(*load(corpus))


@cache
def _registry() -> Registry:
    return Registry()


@cache
def _engine(name: str) -> StreamingEngine:
    return loaded(name)
