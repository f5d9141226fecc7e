"""The wording of the protocol, pinned."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.recognizer import messages
from heard.recognizer.engines import Word
from heard.recognizer.errors import ClientError
from heard.recognizer.messages import (
    ForceEndpoint,
    KeepAlive,
    Terminate,
    UpdateConfiguration,
    check_frame_duration,
    close_reason,
    read_message,
)

WORD = Word(text="Hi.", start_ms=120, end_ms=480, confidence=0.12345678)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"ForceEndpoint"}', ForceEndpoint()),
        ('{"type":"KeepAlive","extra":1}', KeepAlive()),
        (' {"type": "Terminate"}\n', Terminate()),
        (
            '{"type":"UpdateConfiguration","max_turn_silence":700,"prompt":null}',
            UpdateConfiguration({"max_turn_silence": 700}),
        ),
    ],
)
def test_client_messages_are_read(text: str, message: object) -> None:
    """Unknown fields are ignored; a null is a field not given."""
    assert read_message(text) == message


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("{", "Invalid JSON: "),
        ("", "Invalid JSON: "),
        ("[" * 100_000, "Invalid JSON: "),
        ("[1]", "Invalid Message: "),
        ("null", "Invalid Message: "),
        ('"Terminate"', "Invalid Message: "),
        ("{}", "Invalid Message Type: None"),
        ('{"type":"terminate"}', "Invalid Message Type: 'terminate'"),
        ('{"type":{"a":[]}}', "Invalid Message Type: {'a': []}"),
    ],
)
def test_what_is_no_client_message_is_refused_with_3006(text: str, begins: str) -> None:
    """The three texts of the service: not JSON, not an object, no such type."""
    with pytest.raises(ClientError) as caught:
        read_message(text)
    assert caught.value.code == 3006
    assert caught.value.text.startswith(begins)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Anything is either a message or a ClientError."""
    with suppress(ClientError):
        read_message(text)


def test_frame_durations_from_50_to_1000_ms_are_right() -> None:
    """Both ends included; outside, the service's text with the duration as it was."""
    check_frame_duration(50)
    check_frame_duration(1000)
    with pytest.raises(ClientError) as caught:
        check_frame_duration(31.25)
    assert caught.value.code == 3007
    assert caught.value.text == "Input duration violation: 31.25 ms. Expected between 50 and 1000 ms"
    for duration_ms in (0, 49.9375, 1000.0625):
        with pytest.raises(ClientError):
            check_frame_duration(duration_ms)


def test_a_close_reason_fits_a_close_frame() -> None:
    """123 bytes, not characters; longer texts point to the Error message."""
    assert close_reason("x" * 123) == "x" * 123
    assert close_reason("x" * 124) == "See Error message for details"
    assert close_reason("é" * 62) == "See Error message for details"


def test_a_partial_is_worded_as_the_u3_family_does() -> None:
    """Golden text."""
    assert messages.turn(3, [WORD], final=False) == (
        '{"turn_order":3,"turn_is_formatted":false,"end_of_turn":false,"transcript":"Hi.",'
        '"end_of_turn_confidence":0,"words":[{"start":120,"end":480,"text":"Hi.",'
        '"confidence":0.123457,"word_is_final":false}],"utterance":"","type":"Turn"}'
    )


def test_a_final_is_worded_as_the_u3_family_does() -> None:
    """Golden text."""
    assert messages.turn(0, [WORD, WORD], final=True) == (
        '{"turn_order":0,"turn_is_formatted":true,"end_of_turn":true,"transcript":"Hi. Hi.",'
        '"end_of_turn_confidence":1,"words":[{"start":120,"end":480,"text":"Hi.",'
        '"confidence":0.123457,"word_is_final":true},{"start":120,"end":480,"text":"Hi.",'
        '"confidence":0.123457,"word_is_final":true}],"utterance":"Hi. Hi.","type":"Turn"}'
    )


def test_the_other_messages() -> None:
    """Golden text of each."""
    assert messages.begin("x", expires_at=7, model="m") == (
        '{"type":"Begin","id":"x","expires_at":7,"configuration":{"model":"m","mode":"balanced",'
        '"api_version":"2025-05-12","speaker_labels":false,"redact_pii":false,'
        '"filter_profanity":false,"domain":null,"voice_focus":null}}'
    )
    assert messages.speech_started(1216, 0.9876543) == (
        '{"type":"SpeechStarted","timestamp":1216,"confidence":0.987654}'
    )
    assert messages.termination(12.6, 13.4) == (
        '{"type":"Termination","audio_duration_seconds":13,"session_duration_seconds":13}'
    )
    assert messages.heartbeat(5000, 5010, 0.5) == (
        '{"type":"Heartbeat","total_audio_received_ms":5000,"total_duration_ms":5010,'
        '"realtime_factor":0.998,"max_speech_probability":0.5}'
    )
    assert messages.silence(0, 1000) == '{"type":"Silence","start_ms":0,"end_ms":1000}'
    assert messages.warning(1, "w") == '{"type":"Warning","warning_code":1,"warning":"w"}'
    assert messages.error(3006, "e") == '{"type":"Error","error_code":3006,"error":"e"}'
