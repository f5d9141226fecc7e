"""The words that a recognizer makes of a recording, in turns as the daemon does."""

from __future__ import annotations

from collections.abc import Callable

from heard.denoise.backend import Samples
from heard.denoise.pcm import Pcm, to_float
from heard.recognizer.engines import (
    RATE_HZ,
    Final,
    SpeechEvent,
    StreamingEngine,
    TurnSettings,
    Utterance,
    UtteranceEngine,
)
from heard.recognizer.registry import load_engine

FRAME = RATE_HZ // 20
"""50 ms: what `upstream` sends at once."""
SETTINGS = TurnSettings(continuous_partials=False)
"""Nobody sees partials here, and no final depends on them."""


class FinalsOnly:
    """An utterance engine that is spared the readings for partials: a third of the work."""

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


def loaded(name: str) -> StreamingEngine:
    """Load an engine by the name that `heard recognizer --engine` takes.

    Raises:
        StartError: there is none of that name, or something that it needs is missing or not right.
    """
    return load_engine(name, around=FinalsOnly)


def transcript(engine: StreamingEngine, pcm: Pcm) -> str:
    """Return the text of all turns of a session that hears `pcm`."""
    samples = to_float(pcm)
    stream = engine.open(SETTINGS)
    events: list[SpeechEvent] = []
    for start in range(0, len(samples), FRAME):
        events += stream.push(samples[start : start + FRAME], behind=True)
    events += stream.finish()
    return " ".join(word.text for event in events if isinstance(event, Final) for word in event.words)
