"""The words that a recognizer makes of a recording, in turns as the daemon does."""

from __future__ import annotations

from heard.denoise.pcm import Pcm, to_float
from heard.recognizer.engines import RATE_HZ, Final, SpeechEvent, StreamingEngine, TurnSettings

FRAME = RATE_HZ // 20
"""50 ms: what `upstream` sends at once."""
SETTINGS = TurnSettings(continuous_partials=False)
"""Nobody sees partials here, and no final depends on them."""


def transcript(engine: StreamingEngine, pcm: Pcm) -> str:
    """Return the text of all turns of a session that hears `pcm`."""
    samples = to_float(pcm)
    stream = engine.open(SETTINGS)
    events: list[SpeechEvent] = []
    for start in range(0, len(samples), FRAME):
        events += stream.push(samples[start : start + FRAME], behind=True)
    events += stream.finish()
    return " ".join(word.text for event in events if isinstance(event, Final) for word in event.words)
