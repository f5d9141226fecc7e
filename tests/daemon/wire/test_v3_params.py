"""Which v3 parameters are right, and what is said of wrong ones."""

import math

import pytest

from heard.wire.v3_params import LIVE, RULES, check_param, check_params

RIGHT: list[tuple[str, object]] = [
    ("min_turn_silence", 100),
    ("vad_threshold", 0.3),
    ("vad_threshold", 1),
    ("format_turns", True),
    ("keyterms_prompt", ["heard", "ø" * 50]),
    ("keyterms_prompt", []),
    ("mode", "min_latency"),
    ("interruption_delay", 1000),
    ("language_codes", ["multi"]),
    ("inactivity_timeout", 5),
    ("voice_focus", "far-field"),
    ("agent_context", "x" * 1750),
    ("of_a_later_version", "anything"),
    ("of_a_later_version", 1.5),
]

WRONG: list[tuple[str, object, str]] = [
    ("min_turn_silence", -1, "must be a whole number of 0 or more ms"),
    ("min_turn_silence", True, "must be a whole number"),
    ("min_turn_silence", "100", "must be a whole number"),
    ("vad_threshold", 1.01, "must be a number from 0 to 1"),
    ("vad_threshold", math.nan, "must be a number from 0 to 1"),
    ("format_turns", "true", "must be true or false"),
    ("keyterms_prompt", ["x"] * 101, "at most 100 texts"),
    ("keyterms_prompt", ["x" * 51], "at most 50 characters"),
    ("keyterms_prompt", "heard", "must be a list"),
    ("mode", "fast", 'must be "min_latency" or "balanced" or "max_accuracy"'),
    ("interruption_delay", 1001, "from 0 to 1000 ms"),
    ("language_codes", ["multi", "en"], "alone"),
    ("inactivity_timeout", 4, "from 5 to 3600 s"),
    ("agent_context", "x" * 1751, "at most 1750 characters"),
    ("sample_rate", 8000, "heard sends 16000"),
    ("token", "secret", "upstream.api_key_file"),
    ("customer_support_audio_capture", True, "left out"),
    ("of_a_later_version", math.inf, "must be text, a number"),
]


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_right_values(name: str, value: object) -> None:
    """Nothing is said of them."""
    assert check_param(name, value) is None


@pytest.mark.parametrize(("name", "value", "text"), WRONG)
def test_wrong_values(name: str, value: object, text: str) -> None:
    """One line: the name, the value, what would be right."""
    error = check_param(name, value)
    assert error is not None
    assert error.startswith(name)
    assert "secret" not in error
    assert text in error
    assert "\n" not in error


def test_all_errors_at_once() -> None:
    """And what contradicts."""
    errors = check_params({"vad_threshold": 2, "mode": "x", "max_speakers": 2})
    assert len(errors) == 3
    assert check_params({"min_turn_silence": 500, "max_turn_silence": 100}) == [
        "min_turn_silence = 500: must not be above max_turn_silence = 100"
    ]
    assert check_params({"speaker_labels": True, "max_speakers": 2}) == []


def test_what_can_change_within_a_session() -> None:
    """The fields of UpdateConfiguration, and none that is fixed when connecting."""
    assert set(RULES) > LIVE
    assert {"keyterms_prompt", "prompt", "mode", "vad_threshold", "min_turn_silence"} <= LIVE
    assert not LIVE & {
        "speaker_labels",
        "voice_focus",
        "encoding",
        "sample_rate",
        "speech_model",
        "webhook_url",
    }
