"""Parameters of the v3 protocol: which values they take, and which can change within a session.

The service closes a session over a wrong value and ignores a misspelt name, so both ends of the
daemon check first: `heard.config` what is configured, `upstream` what is set while running. Names
that are not in the table pass unchecked: the vendor adds some every few months.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_KEYTERMS = 100
MAX_KEYTERM_CHARS = 50
MAX_CONTEXT_CHARS = 1750
MAX_LANGUAGES = 10


@dataclass(frozen=True, slots=True)
class Rule:
    """One parameter: `holds` tells whether a value is right, `wants` says which values are."""

    holds: Callable[[object], bool]
    wants: str
    live: bool = False
    """UpdateConfiguration takes it; the others are fixed when a session is opened."""
    ours: bool = False
    """It is not for a configuration to set, and its value not for a message to show."""


def _whole(low: int, high: int | None, *, live: bool = False, unit: str = "") -> Rule:
    def holds(value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return low <= value and (high is None or value <= high)

    limits = f"of {low} or more" if high is None else f"from {low} to {high}"
    return Rule(holds, f"a whole number {limits}{unit}", live)


def _share(*, live: bool = False) -> Rule:
    def holds(value: object) -> bool:
        return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 1

    return Rule(holds, "a number from 0 to 1", live)


def _flag(*, live: bool = False) -> Rule:
    return Rule(lambda value: isinstance(value, bool), "true or false", live)


def _choice(*choices: str, live: bool = False) -> Rule:
    named = " or ".join(f'"{choice}"' for choice in choices)
    return Rule(lambda value: isinstance(value, str) and value in choices, named, live)


def _text(most: int | None = None, *, live: bool = False) -> Rule:
    def holds(value: object) -> bool:
        return isinstance(value, str) and (most is None or len(value) <= most)

    return Rule(holds, "text" if most is None else f"text of at most {most} characters", live)


def _texts(most: int, chars: int, *, live: bool = False) -> Rule:
    def holds(value: object) -> bool:
        if not isinstance(value, list | tuple) or len(value) > most:
            return False
        return all(isinstance(each, str) and 0 < len(each) <= chars for each in value)

    return Rule(holds, f"a list of at most {most} texts of at most {chars} characters", live)


def _languages() -> Rule:
    def holds(value: object) -> bool:
        if not isinstance(value, list | tuple) or len(value) > MAX_LANGUAGES:
            return False
        texts = [each for each in value if isinstance(each, str) and each]
        return len(texts) == len(value) and ("multi" not in texts or len(texts) == 1)

    return Rule(holds, f'a list of at most {MAX_LANGUAGES} language codes, or ["multi"] alone', live=True)


def _never(why: str) -> Rule:
    return Rule(lambda _: False, why, ours=True)


RULES: Mapping[str, Rule] = {
    "min_turn_silence": _whole(0, None, live=True, unit=" ms"),
    "max_turn_silence": _whole(0, None, live=True, unit=" ms"),
    "min_end_of_turn_silence_when_confident": _whole(0, None, unit=" ms"),
    "vad_threshold": _share(live=True),
    "end_of_turn_confidence_threshold": _share(live=True),
    "format_turns": _flag(live=True),
    "keyterms_prompt": _texts(MAX_KEYTERMS, MAX_KEYTERM_CHARS, live=True),
    "prompt": _text(live=True),
    "agent_context": _text(MAX_CONTEXT_CHARS, live=True),
    "previous_context_n_turns": _whole(0, 100),
    "mode": _choice("min_latency", "balanced", "max_accuracy", live=True),
    "continuous_partials": _flag(live=True),
    "interruption_delay": _whole(0, 1000, live=True, unit=" ms"),
    "turn_left_pad_ms": _whole(0, None, live=True),
    "language_codes": _languages(),
    "language_detection": _flag(),
    "speaker_labels": _flag(),
    "max_speakers": _whole(1, 10),
    "speaker_labels_revision_interval_ms": _whole(0, 86_400_000),
    "voice_focus": _choice("near-field", "far-field"),
    "voice_focus_threshold": _share(),
    "noise_suppression_threshold": _share(),
    "filter_profanity": _flag(live=True),
    "redact_pii": _flag(),
    "redact_pii_sub": _choice("hash", "entity_name"),
    "inactivity_timeout": _whole(5, 3600, unit=" s"),
    "session_heartbeat": _flag(live=True),
    "acknowledge_silence": _flag(live=True),
    "include_partial_turns": _flag(),
    "speech_model": _never("set as upstream.speech_model"),
    "sample_rate": _never("left out: heard sends 16000"),
    "encoding": _never("left out: heard sends pcm_s16le"),
    "token": _never("left out: the key comes from upstream.api_key_file"),
    "customer_support_audio_capture": _never("left out: it lets the service keep the audio"),
    "_customer_support_audio_capture": _never("left out: it lets the service keep the audio"),
}
"""Ranges as the protocol reference gives them."""

LIVE = frozenset(name for name, rule in RULES.items() if rule.live)
"""What can be changed within a session."""


def check_param(name: str, value: object) -> str | None:
    """Return what is wrong with one parameter's value, in one line; None where nothing is known to be."""
    rule = RULES.get(name)
    if rule is None:
        return (
            None if _sendable(value) else f"{name} = {value!r}: must be text, a number, true, false or a list"
        )
    if rule.holds(value):
        return None
    return f"{name}: must be {rule.wants}" if rule.ours else f"{name} = {_shown(value)}: must be {rule.wants}"


def check_params(params: Mapping[str, object]) -> list[str]:
    """Return one line for each error in configured query parameters, also for those that contradict."""
    errors = [error for name, value in params.items() if (error := check_param(name, value))]
    low, high = params.get("min_turn_silence"), params.get("max_turn_silence")
    if not errors and isinstance(low, int) and isinstance(high, int) and low > high:
        errors.append(f"min_turn_silence = {low}: must not be above max_turn_silence = {high}")
    if "max_speakers" in params and not params.get("speaker_labels"):
        errors.append("max_speakers: has no effect without speaker_labels = true")
    return errors


def _sendable(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(each, str | int | bool) for each in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int | bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
