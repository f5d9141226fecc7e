"""What a speech engine is.

Two seams. An *utterance engine* turns one piece of speech into words. A *streaming engine* takes
audio as it comes and says by itself what began, what was said so far and what ended. The server
only knows streaming engines; `stream.TurnEngine` makes one of an utterance engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
"""Every engine is given mono audio at this rate."""

Samples: TypeAlias = npt.NDArray[np.float32]
"""Mono audio, shape (samples,), in [-1, 1], at `RATE_HZ`."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word as an utterance engine reads it; `confidence` in 0..1."""

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What an utterance engine heard. `tokens` is its own business, to be handed back as draft."""

    words: tuple[SpokenWord, ...] = ()
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the session's audio, in ms from its first sample."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone began to speak; a turn is open."""

    start_ms: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Partial:
    """The open turn so far; replaces the partial before."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Final:
    """The turn is over. `words` is never empty; a turn without words gets no final."""

    words: tuple[Word, ...]


SpeechEvent: TypeAlias = SpeechStarted | Partial | Final


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """When a turn begins and ends; what a client may change while it speaks.

    The service's own `min_turn_silence` of 100 ms suits a model that knows where a sentence ends. Moonshine
    tiny puts a full stop after nearly anything, so a shorter pause would cut sentences. Measured in chunks of
    the voice detector (32 ms) on 5.7 minutes of speech: 416/640 ms make 61 turns and 6.9 % word errors,
    480/704 ms 56 and 6.4 %, 576/800 ms 53 and 6.3 %.
    """

    min_turn_silence_ms: int = 480
    max_turn_silence_ms: int = 704
    vad_threshold: float = 0.5
    continuous_partials: bool = True


@runtime_checkable
class UtteranceEngine(Protocol):
    """One piece of speech in, words out. Safe to call from several threads at once."""

    @property
    def name(self) -> str:
        """The name under which sessions report it."""
        ...

    def recognize(
        self,
        samples: Samples,
        *,
        draft: Utterance | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Utterance:
        """Return the words of `samples`, at most some 20 s of audio.

        `draft` is an earlier reading of a part of the same audio that may save work. An engine
        that finds `cancelled()` true may stop early; its result is then thrown away.
        """
        ...


class SpeechStream(Protocol):
    """One session's audio on its way through a streaming engine; used by one thread."""

    @property
    def turn_open(self) -> bool:
        """Someone is speaking, or has just stopped and may go on."""
        ...

    def push(self, samples: Samples, *, behind: bool) -> list[SpeechEvent]:
        """Take the next samples and return what they brought about.

        `behind` says that more audio is already waiting: spare what is not needed for finals.
        """
        ...

    def update(self, settings: TurnSettings) -> None:
        """Use `settings` from the next sample on."""
        ...

    def force_endpoint(self) -> list[SpeechEvent]:
        """End the open turn, if there is one, with what was pushed so far."""
        ...

    def finish(self) -> list[SpeechEvent]:
        """Say what is still to be said: no audio follows."""
        ...

    def take_speech_probability(self) -> float:
        """Return the highest probability of speech, in 0..1, since this was last asked."""
        ...


@runtime_checkable
class StreamingEngine(Protocol):
    """Loaded models that any number of sessions share."""

    @property
    def name(self) -> str:
        """The name that Begin reports as the model."""
        ...

    def open(self, settings: TurnSettings) -> SpeechStream:
        """Return a stream for a new session."""
        ...
