"""The parameters of a session: the query of the upgrade, and UpdateConfiguration.

Names and ranges are streaming v3's. Unknown names are ignored, as the service does; a value that a
known name cannot have ends the session with 3006. What is valid but has no effect here is
answered with a Warning, so that nobody waits for it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import parse_qsl

from .audio import BYTES_PER_SAMPLE, PCM_S16LE
from .engines import RATE_HZ, TurnSettings
from .errors import ClientError
from .messages import INVALID

MAX_SILENCE_MS = 60_000
MAX_KEYTERMS = 100
MAX_KEYTERM_CHARACTERS = 50
MAX_CONTEXT_CHARACTERS = 1750

WARNING_NO_EFFECT = 4001


@dataclass(frozen=True, slots=True)
class Parameters:
    """A session's settings. `no_effect` names what was asked for and is not done here."""

    token: str | None = None
    rate_hz: int = RATE_HZ
    encoding: str = PCM_S16LE
    turns: TurnSettings = field(default_factory=TurnSettings)
    inactivity_timeout_s: int | None = None
    heartbeat: bool = False
    acknowledge_silence: bool = False
    no_effect: tuple[str, ...] = ()


def read_query(query: str) -> Parameters:
    """Read the query part of the upgrade's URL; of a repeated name the last counts.

    Raises:
        ClientError: 3006, a known parameter has a value it cannot have.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    values = {name: reader(name, given[name]) for name, reader in _CONNECT.items() if name in given}
    values |= {name: reader(name, given[name]) for name, reader in _LIVE.items() if name in given}
    parameters = _applied(Parameters(), values)
    return replace(
        parameters,
        token=given.get("token"),
        rate_hz=_int(values, "sample_rate", parameters.rate_hz),
        encoding=str(values.get("encoding", parameters.encoding)),
        inactivity_timeout_s=_int(values, "inactivity_timeout", 0) or None,
    )


def apply_update(parameters: Parameters, fields: Mapping[str, object]) -> Parameters:
    """Return `parameters` with an UpdateConfiguration's `fields`.

    Raises:
        ClientError: 3006, a known field has a value it cannot have.
    """
    values = {name: reader(name, fields[name]) for name, reader in _LIVE.items() if name in fields}
    return _applied(parameters, values)


def _applied(parameters: Parameters, values: Mapping[str, object]) -> Parameters:
    turns = parameters.turns
    min_name = "min_turn_silence"
    if min_name not in values:
        min_name = "min_end_of_turn_silence_when_confident"
    vad_threshold = values.get("vad_threshold", turns.vad_threshold)
    assert isinstance(vad_threshold, float)
    return replace(
        parameters,
        turns=TurnSettings(
            min_turn_silence_ms=_int(values, min_name, turns.min_turn_silence_ms),
            max_turn_silence_ms=_int(values, "max_turn_silence", turns.max_turn_silence_ms),
            vad_threshold=vad_threshold,
            continuous_partials=bool(values.get("continuous_partials", turns.continuous_partials)),
        ),
        heartbeat=bool(values.get("session_heartbeat", parameters.heartbeat)),
        acknowledge_silence=bool(values.get("acknowledge_silence", parameters.acknowledge_silence)),
        no_effect=tuple(name for name in _NO_EFFECT if values.get(name)),
    )


def _int(values: Mapping[str, object], name: str, default: int) -> int:
    value = values.get(name, default)
    assert isinstance(value, int)
    return value


_Reader: TypeAlias = Callable[[str, object], object]
"""Turns a value, text from the query or JSON from a message, into what it means, or raises 3006."""


def _wrong(name: str, value: object, allowed: str) -> ClientError:
    shown = str(value)
    shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
    return ClientError(INVALID, f"Invalid Parameter: {name} = {shown}: must be {allowed}")


def _integer(low: int, high: int) -> _Reader:
    def read(name: str, value: object) -> object:
        try:
            number = int(value) if isinstance(value, str) and value.isascii() else value
        except ValueError:
            number = None
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
            raise _wrong(name, value, f"a whole number in {low}..{high}")
        return number

    return read


def _share(name: str, value: object) -> object:
    try:
        number = float(value) if isinstance(value, str | int | float) else -1.0
    except (ValueError, OverflowError):
        number = -1.0
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise _wrong(name, value, "a number in 0..1")
    return number


def _boolean(name: str, value: object) -> object:
    match value.lower() if isinstance(value, str) else value:
        case True | "true" | "1":
            return True
        case False | "false" | "0":
            return False
        case _:
            raise _wrong(name, value, "true or false")


def _one_of(*choices: str) -> _Reader:
    def read(name: str, value: object) -> object:
        if value not in choices:
            raise _wrong(name, value, " or ".join(choices))
        return value

    return read


def _text(most: int) -> _Reader:
    def read(name: str, value: object) -> object:
        if not isinstance(value, str) or len(value) > most:
            raise _wrong(name, value, f"text of at most {most} characters")
        return value

    return read


def _texts(most: int, characters: int) -> _Reader:
    def read(name: str, value: object) -> object:
        terms = value
        if isinstance(value, str):
            try:
                terms = json.loads(value)
            except (ValueError, RecursionError):
                terms = None
        if (
            not isinstance(terms, list)
            or len(terms) > most
            or not all(isinstance(term, str) and len(term) <= characters for term in terms)
        ):
            raise _wrong(name, value, f"a list of at most {most} texts of at most {characters} characters")
        return terms

    return read


_SILENCE = _integer(0, MAX_SILENCE_MS)

_LIVE: dict[str, _Reader] = {
    "min_turn_silence": _SILENCE,
    "min_end_of_turn_silence_when_confident": _SILENCE,
    "max_turn_silence": _SILENCE,
    "vad_threshold": _share,
    "continuous_partials": _boolean,
    "session_heartbeat": _boolean,
    "acknowledge_silence": _boolean,
    "end_of_turn_confidence_threshold": _share,
    "interruption_delay": _integer(0, 1000),
    "format_turns": _boolean,
    "mode": _one_of("min_latency", "balanced", "max_accuracy"),
    "keyterms_prompt": _texts(MAX_KEYTERMS, MAX_KEYTERM_CHARACTERS),
    "prompt": _text(100_000),
    "agent_context": _text(MAX_CONTEXT_CHARACTERS),
    "filter_profanity": _boolean,
}
"""What a message may change in mid-session, and the query may set."""

_CONNECT: dict[str, _Reader] = {
    "sample_rate": _integer(8_000, 48_000),
    "encoding": _one_of(*BYTES_PER_SAMPLE),
    "inactivity_timeout": _integer(5, 3600),
    "speaker_labels": _boolean,
    "language_detection": _boolean,
    "voice_focus": _one_of("near-field", "far-field"),
    "redact_pii": _boolean,
    "webhook_url": _text(2_000),
}

_NO_EFFECT = (
    "keyterms_prompt",
    "prompt",
    "agent_context",
    "filter_profanity",
    "speaker_labels",
    "language_detection",
    "voice_focus",
    "redact_pii",
    "webhook_url",
)
