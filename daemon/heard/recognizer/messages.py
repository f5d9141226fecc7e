"""The messages of streaming v3, both ways, as this server speaks it.

Client text frames become one of four small values (`read_message`); what the server says is built
by the functions below as JSON text. Field names, close codes and error texts are the service's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .engines import Word
from .errors import ClientError

Json: TypeAlias = dict[str, object]

NORMAL = 1000
UNAUTHORIZED = 1008
CANCELLED = 3005
INVALID = 3006
AUDIO_VIOLATION = 3007
EXPIRED = 3008
TOO_MANY_SESSIONS = 3009

MIN_FRAME_MS = 50
MAX_FRAME_MS = 1000
MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""

SEE_ERROR = "See Error message for details"


@dataclass(frozen=True, slots=True)
class UpdateConfiguration:
    """Change settings in mid-session; `fields` are those given, `type` and nulls left out."""

    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class ForceEndpoint:
    """End the open turn now."""


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Reset the inactivity timer."""


@dataclass(frozen=True, slots=True)
class Terminate:
    """Finish the open turn, say Termination, close with 1000."""


ClientMessage: TypeAlias = UpdateConfiguration | ForceEndpoint | KeepAlive | Terminate


def read_message(text: str) -> ClientMessage:
    """Return what a client's text frame asks for.

    Raises:
        ClientError: 3006 with the service's text, for what is not JSON, not an object or of a
            type that does not exist.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:  # RecursionError: nested too deep to be meant
        raise ClientError(INVALID, f"Invalid JSON: {error}") from None
    if not isinstance(message, dict):
        raise ClientError(INVALID, f"Invalid Message: {_excerpt(message)}: expected an object")
    match message.get("type"):
        case "UpdateConfiguration":
            fields = {k: v for k, v in message.items() if k != "type" and v is not None}
            return UpdateConfiguration(fields)
        case "ForceEndpoint":
            return ForceEndpoint()
        case "KeepAlive":
            return KeepAlive()
        case "Terminate":
            return Terminate()
        case other:
            raise ClientError(INVALID, f"Invalid Message Type: {_excerpt(other)}")


def check_frame_duration(duration_ms: float) -> None:
    """Refuse a frame of audio outside 50..1000 ms.

    Raises:
        ClientError: 3007 with the service's text.
    """
    if not MIN_FRAME_MS <= duration_ms <= MAX_FRAME_MS:
        raise ClientError(
            AUDIO_VIOLATION,
            f"Input duration violation: {round(duration_ms, 2):g} ms. "
            f"Expected between {MIN_FRAME_MS} and {MAX_FRAME_MS} ms",
        )


def close_reason(text: str) -> str:
    """Return `text` where a close frame can carry it, else the service's pointer to the Error."""
    return text if len(text.encode()) <= MAX_REASON_BYTES else SEE_ERROR


def begin(session_id: str, *, expires_at: int, model: str) -> str:
    """Return Begin; `expires_at` in Unix seconds, `model` the engine that really listens."""
    return _text(
        {
            "type": "Begin",
            "id": session_id,
            "expires_at": expires_at,
            "configuration": {
                "model": model,
                "mode": "balanced",
                "api_version": "2025-05-12",
                "speaker_labels": False,
                "redact_pii": False,
                "filter_profanity": False,
                "domain": None,
                "voice_focus": None,
            },
        }
    )


def speech_started(timestamp_ms: int, confidence: float) -> str:
    """Return SpeechStarted; `timestamp_ms` of session audio, `confidence` in 0..1."""
    return _text(
        {
            "type": "SpeechStarted",
            "timestamp": timestamp_ms,
            "confidence": round(confidence, 6),
        }
    )


def turn(turn_order: int, words: Sequence[Word], *, final: bool) -> str:
    """Return a Turn as the U3 family words it: the whole turn so far, or its one final."""
    transcript = " ".join(word.text for word in words)
    return _text(
        {
            "turn_order": turn_order,
            "turn_is_formatted": final,
            "end_of_turn": final,
            "transcript": transcript,
            "end_of_turn_confidence": int(final),
            "words": [
                {
                    "start": word.start_ms,
                    "end": word.end_ms,
                    "text": word.text,
                    "confidence": round(word.confidence, 6),
                    "word_is_final": final,
                }
                for word in words
            ],
            "utterance": transcript if final else "",
            "type": "Turn",
        }
    )


def termination(audio_s: float, session_s: float) -> str:
    """Return Termination; whole seconds, as the SDK's model insists."""
    return _text(
        {
            "type": "Termination",
            "audio_duration_seconds": round(audio_s),
            "session_duration_seconds": round(session_s),
        }
    )


def heartbeat(audio_ms: int, duration_ms: int, max_speech_probability: float) -> str:
    """Return Heartbeat: how much audio has been taken in, `duration_ms` after the session began."""
    return _text(
        {
            "type": "Heartbeat",
            "total_audio_received_ms": audio_ms,
            "total_duration_ms": duration_ms,
            "realtime_factor": round(audio_ms / duration_ms, 4) if duration_ms else 0.0,
            "max_speech_probability": round(max_speech_probability, 4),
        }
    )


def silence(start_ms: int, end_ms: int) -> str:
    """Return Silence: nothing was said between the two times of session audio."""
    return _text({"type": "Silence", "start_ms": start_ms, "end_ms": end_ms})


def warning(code: int, text: str) -> str:
    """Return Warning: something asked for is not done, and the session goes on."""
    return _text({"type": "Warning", "warning_code": code, "warning": text})


def error(code: int, text: str) -> str:
    """Return Error, the message before a close with the same code."""
    return _text({"type": "Error", "error_code": code, "error": text})


def _text(message: Json) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _excerpt(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
