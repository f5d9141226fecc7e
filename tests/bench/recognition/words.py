"""The words that the embedded recognizer makes of samples, in turns as the daemon does, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heard.compare.words import words_of
from heard.denoise.backend import Samples
from heard.recognizer.engines import (
    Final,
    SpeechEvent,
    StreamingEngine,
    TurnSettings,
    Utterance,
    UtteranceEngine,
)
from heard.recognizer.moonshine import BASE, TINY, Model, load
from heard.recognizer.stream import TurnEngine

from ...support.wer import word_errors
from .mixes import RATE_HZ

FRAME = RATE_HZ // 20
MODELS: Mapping[str, Model] = {model.name: model for model in (TINY, BASE)}


@dataclass(frozen=True, slots=True)
class Counted:
    """Word errors of a transcript.

    errors   substitutions, insertions and deletions, at most `words`: who says nothing makes that many
    uncut    the same without that limit; more than `words` where the recognizer ran away
    words    of the reference
    """

    errors: int
    uncut: int
    words: int


class FinalsOnly:
    """An utterance engine that is spared the readings for partials, which no final depends on."""

    def __init__(self, engine: UtteranceEngine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Name of the engine."""
        return self._engine.name

    def recognize(
        self,
        samples: Samples,
        *,
        draft: Utterance | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Utterance:
        """Return the words; none for a partial, which alone comes with a draft."""
        return Utterance() if draft is not None else self._engine.recognize(samples, cancelled=cancelled)


def engine_called(name: str) -> StreamingEngine:
    """Load one of MODELS as the daemon does, but for partials.

    Raises:
        StartError: its package is missing, or its files are not the pinned ones.
    """
    return TurnEngine(FinalsOnly(load(MODELS[name])))


def transcript(engine: StreamingEngine, samples: Samples) -> str:
    """Return all turns of a session that hears `samples` in frames of 50 ms."""
    stream = engine.open(TurnSettings())
    events: list[SpeechEvent] = []
    for start in range(0, len(samples), FRAME):
        events += stream.push(samples[start : start + FRAME], behind=True)
    events += stream.finish()
    return " ".join(word.text for event in events if isinstance(event, Final) for word in event.words)


def counted(reference: str, hypothesis: str) -> Counted:
    """Compare, with runaway repetition capped: no piece counts for more errors than it has words.

    Raises:
        ValueError: the reference has no words.
    """
    uncut, words = word_errors(reference, hypothesis)
    if not words_of(reference):
        raise ValueError(f"{reference!r}: a reference without words")
    return Counted(min(uncut, words), uncut, words)
