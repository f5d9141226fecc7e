"""The vendor's JSON: server messages become values, orders become text.

Wording and defaults of the service drift, so reading is lenient: unknown types and fields are
accepted, missing ones get defaults, wrong ones count as missing. Nothing here raises on what a server
sent; what cannot be read at all is an `Unreadable`, for the session to count.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import urlencode

MAX_MS = 1 << 40
"""No session lasts 35 years: larger times are garbage."""
MOST_WORDS = 6000
MOST_TURN_BYTES = 1 << 17
"""Of a turn's text, and again of its words', and of new speaker labels. A turn within these bounds (half an
hour without a pause) fits one of our own messages (`heard.wire.codec`)."""
MOST_REMARK = 500
MOST_NAME = 200
"""Characters of an error or warning, and of an id, model, language or speaker, that are kept."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word; times are ms of audio sent in the session."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = 0.0
    final: bool = False
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """The session is accepted. `expires_at` is in Unix seconds."""

    id: str
    expires_at: float | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was noticed, possibly long after the onset that `timestamp_ms` names."""

    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn `order` so far, or all of it where `end_of_turn`."""

    order: int
    end_of_turn: bool = False
    formatted: bool = False
    transcript: str = ""
    words: tuple[Word, ...] = ()
    language: str | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Termination:
    """All audio was processed; nothing follows but the close."""

    audio_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceError:
    """The session fails; a close with the same code follows."""

    code: int | None
    text: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceWarning:
    """Something to know; the session goes on."""

    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The service has received so much audio."""

    received_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was said from `start_ms` to `end_ms`."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Relabelled:
    """New speakers for one earlier turn; its text and times stand."""

    order: int
    speaker: str | None
    speakers: tuple[str | None, ...]
    """One a word, in order; may be shorter than the turn."""


@dataclass(frozen=True, slots=True)
class SpeakerRevision:
    """New speaker labels for earlier turns."""

    turns: tuple[Relabelled, ...]


@dataclass(frozen=True, slots=True)
class LLMGatewayResponse:
    """An answer of a language model that the caller configured; heard passes none on."""

    order: int | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message type of a later version."""

    type: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no message at all."""

    why: str


ServerMessage = (
    Begin
    | SpeechStarted
    | Turn
    | Termination
    | ServiceError
    | ServiceWarning
    | Heartbeat
    | Silence
    | SpeakerRevision
    | LLMGatewayResponse
    | Unknown
    | Unreadable
)

Fields = Mapping[str, object]

FORCE_ENDPOINT = '{"type":"ForceEndpoint"}'
KEEP_ALIVE = '{"type":"KeepAlive"}'
TERMINATE = '{"type":"Terminate"}'


def update_configuration(fields: Fields) -> str:
    """Return the message that changes `fields` (v3 names) of a running session."""
    return json.dumps({"type": "UpdateConfiguration", **fields})


def query(model: str, rate_hz: int, params: Fields) -> str:
    """Return the query part of a session's URL; lists and objects become JSON text."""
    values: dict[str, object] = {
        "speech_model": model,
        "sample_rate": rate_hz,
        "encoding": "pcm_s16le",
        **params,
    }
    return urlencode({name: _query_text(value) for name, value in values.items()})


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value)
    return str(value)


def read(data: str | bytes) -> ServerMessage:
    """Return what a text frame says. Never raises."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        # UnicodeDecodeError and JSONDecodeError are ValueErrors.
        return Unreadable(f"not JSON: {error}")
    if not isinstance(body, dict):
        return Unreadable(f"a JSON object was expected, not {type(body).__name__}")
    kind = body.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is not None:
        return reader(body)
    if kind is None and body.get("error") is not None:
        # SDKs accept an object with `error` and no `type`.
        return _error(body)
    return Unknown(_line(kind)[:40]) if isinstance(kind, str) else Unreadable("field 'type' is missing")


def _begin(body: Fields) -> ServerMessage:
    configuration = body.get("configuration")
    model = configuration.get("model") if isinstance(configuration, dict) else None
    return Begin(
        _name(body, "id"),
        _number(body.get("expires_at")),
        _line(model)[:MOST_NAME] if isinstance(model, str) else None,
    )


def _speech_started(body: Fields) -> ServerMessage:
    timestamp = _ms(body.get("timestamp"))
    return Unreadable("SpeechStarted without timestamp") if timestamp is None else SpeechStarted(timestamp)


def _turn(body: Fields) -> ServerMessage:
    order = _whole(body.get("turn_order"))
    if order is None:
        return Unreadable("Turn without turn_order")
    text = _text(body, "transcript") or _text(body, "utterance")
    words = body.get("words")
    if len(text.encode()) > MOST_TURN_BYTES or (isinstance(words, list) and len(words) > MOST_WORDS):
        return Unreadable("Turn of more words than anyone says")
    read_words = _words(words)
    speaker = _name(body, "speaker_label") or None
    if (
        sum(len(f"{word.text}{word.speaker or speaker or ''}".encode()) for word in read_words)
        > MOST_TURN_BYTES
    ):
        return Unreadable("Turn of longer words than there are")
    return Turn(
        order=order,
        end_of_turn=body.get("end_of_turn") is True,
        formatted=body.get("turn_is_formatted") is True,
        transcript=text,
        words=read_words,
        language=_name(body, "language_code") or None,
        speaker=speaker,
    )


def _words(values: object) -> tuple[Word, ...]:
    """Read the words; one without text is left out, one without times gets its neighbour's end."""
    if not isinstance(values, list):
        return ()
    words: list[Word] = []
    last_ms = 0
    for value in values:
        if not isinstance(value, dict) or not (text := _text(value, "text")):
            continue
        start = _ms(value.get("start"))
        start = last_ms if start is None else start
        end = _ms(value.get("end"))
        end = start if end is None else max(start, end)
        confidence = _number(value.get("confidence"))
        words.append(
            Word(
                text,
                start,
                end,
                0.0 if confidence is None else min(1.0, max(0.0, confidence)),
                value.get("word_is_final") is True,
                _name(value, "speaker") or None,
            )
        )
        last_ms = end
    return tuple(words)


def _termination(body: Fields) -> ServerMessage:
    return Termination(_number(body.get("audio_duration_seconds")))


def _error(body: Fields) -> ServerMessage:
    text = body.get("error")
    if isinstance(text, dict):
        text = text.get("message") or json.dumps(text)
    return ServiceError(
        _whole(body.get("error_code")),
        _line(str(text))[:MOST_REMARK] if text is not None else "",
        _number(body.get("retry_after_seconds")),
    )


def _warning(body: Fields) -> ServerMessage:
    return ServiceWarning(_whole(body.get("warning_code")), _line(_text(body, "warning"))[:MOST_REMARK])


def _heartbeat(body: Fields) -> ServerMessage:
    received = _ms(body.get("total_audio_received_ms"))
    return (
        Unreadable("Heartbeat without total_audio_received_ms") if received is None else Heartbeat(received)
    )


def _silence(body: Fields) -> ServerMessage:
    start, end = _ms(body.get("start_ms")), _ms(body.get("end_ms"))
    if start is None or end is None or end < start:
        return Unreadable("Silence without start_ms and end_ms")
    return Silence(start, end)


def _speaker_revision(body: Fields) -> ServerMessage:
    found: list[Relabelled] = []
    revisions = body.get("revisions")
    for value in revisions[:MOST_WORDS] if isinstance(revisions, list) else ():
        order = _whole(value.get("turn_order")) if isinstance(value, dict) else None
        if order is None:
            continue
        words = value.get("words")
        speakers = (
            [
                _name(word, "speaker") or None if isinstance(word, dict) else None
                for word in words[:MOST_WORDS]
            ]
            if isinstance(words, list)
            else []
        )
        if sum(len((speaker or "").encode()) for speaker in speakers) > MOST_TURN_BYTES:
            continue
        found.append(Relabelled(order, _name(value, "speaker_label") or None, tuple(speakers)))
    return SpeakerRevision(tuple(found))


def _gateway(body: Fields) -> ServerMessage:
    return LLMGatewayResponse(_whole(body.get("turn_order")))


_READERS = {
    "Begin": _begin,
    "SpeechStarted": _speech_started,
    "Turn": _turn,
    "Termination": _termination,
    "Error": _error,
    "Warning": _warning,
    "Heartbeat": _heartbeat,
    "Silence": _silence,
    "SpeakerRevision": _speaker_revision,
    "LLMGatewayResponse": _gateway,
}


def _text(body: Fields, key: str) -> str:
    value = body.get(key)
    return _clean(value) if isinstance(value, str) else ""


def _name(body: Fields, key: str) -> str:
    return _line(_text(body, key))[:MOST_NAME]


def _line(text: str) -> str:
    """Return what goes into a log and a status as one line that no terminal obeys."""
    return " ".join("".join(each if each.isprintable() else " " for each in _clean(text)).split())


def _clean(text: str) -> str:
    """Return `text` as it can be encoded: JSON may hold half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: object) -> float | None:
    if not _is_number(value):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 <= number <= MAX_MS else None


_ms = _whole
