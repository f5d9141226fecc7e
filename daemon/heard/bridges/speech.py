"""Core: what a Wyoming client is told: that somebody speaks, the words as they become sure, the turn.

Events are (type, data) as in the Wyoming protocol (github.com/OHF-Voice/wyoming, "Event Types"):

    voice-started transcript-start transcript-chunk… voice-stopped transcript transcript-stop

`transcript` has the turn; chunks are its words so far, each told once. All data has `source` and `turn_id`
besides.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from heard.wire.codec import Body
from heard_client import Cursor, Final, Partial, Transcript

Event = tuple[str, Body]
PAST_TURNS = 256


@dataclass(slots=True)
class _Turn:
    turn_id: str
    words: int = 0
    text: str = ""


@dataclass(slots=True)
class Speech:
    """The turns that are being spoken, one a source, as far as one client was told."""

    _open: dict[str, _Turn] = field(default_factory=dict)
    _past: deque[str] = field(default_factory=lambda: deque(maxlen=PAST_TURNS))

    def partial(self, message: Partial) -> list[Event]:
        """Return what is new in a turn that goes on: words that will not change any more."""
        if message.turn_id in self._past:
            return []
        events: list[Event] = []
        turn = self._open.get(message.source)
        if turn is None or turn.turn_id != message.turn_id:
            turn = self._open[message.source] = _Turn(message.turn_id)
            events += _begin(message)
        sure = 0
        for word in message.words:
            if not word.final:
                break
            sure += 1
        if new := [word.text for word in message.words[turn.words : sure]]:
            chunk = (" " if turn.text else "") + " ".join(new)
            turn.text += chunk
            turn.words = sure
            events.append(("transcript-chunk", _about(message) | {"text": chunk}))
        return events

    def final(self, message: Final, cursor: Cursor) -> list[Event]:
        """Return the end of a turn; `cursor` is the place behind it, from which a client can go on later."""
        events: list[Event] = []
        turn = self._open.pop(message.source, None)
        if turn is None or turn.turn_id != message.turn_id:
            turn = _Turn(message.turn_id)
            events += _begin(message)
        self._past.append(message.turn_id)
        # Words may have been written differently in the end; then the transcript alone has them.
        if message.text.startswith(turn.text) and (rest := message.text[len(turn.text) :]):
            events.append(("transcript-chunk", _about(message) | {"text": rest}))
        spoken: Body = {"text": message.text, "context": context(message, cursor)}
        if message.language:
            spoken["language"] = message.language
        return [
            *events,
            ("voice-stopped", _about(message) | {"timestamp": round(message.end * 1000)}),
            ("transcript", _about(message) | spoken),
            ("transcript-stop", _about(message)),
        ]


def context(message: Transcript, cursor: Cursor) -> Body:
    """Return the context of a transcript; sent back in `transcribe`, all that followed is told first."""
    return {
        "source": message.source,
        "turn_id": message.turn_id,
        "start": message.start,
        "end": message.end,
        "cursor": {"run": cursor.run, "time": cursor.time, "seq": dict(cursor.seq)},
    }


def _begin(message: Transcript) -> list[Event]:
    began: Body = {"timestamp": round(message.start * 1000)}
    start: Body = {"context": {"source": message.source, "turn_id": message.turn_id}}
    if message.language:
        start["language"] = message.language
    return [("voice-started", _about(message) | began), ("transcript-start", _about(message) | start)]


def _about(message: Transcript) -> Body:
    return {"source": message.source, "turn_id": message.turn_id}
