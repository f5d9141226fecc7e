"""The protocol without a socket: a streaming engine that follows a script stands behind the seam."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.recognizer.engines import (
    Final,
    Partial,
    Samples,
    SpeechEvent,
    SpeechStarted,
    SpeechStream,
    StreamingEngine,
    TurnSettings,
    Word,
)
from heard.recognizer.errors import ClientError
from heard.recognizer.parameters import read_query
from heard.recognizer.session import Close, Output, Send, Session, authorize, parameters_of

FRAME = bytes(1600)
"""50 ms at 16 kHz."""

Message = dict[str, Any]


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(w, 100 * i, 100 * i + 90, 0.5) for i, w in enumerate(text.split()))


class Parrot:
    """Opens a turn at the first loud frame and says as many words as there were loud frames."""

    name = "parrot"

    def open(self, settings: TurnSettings) -> SpeechStream:
        """Return the stream, and keep it for the test to look at."""
        self.stream = ParrotStream(settings)
        return self.stream


class ParrotStream:
    """A loud frame is a word, a silent one the end of the turn."""

    def __init__(self, settings: TurnSettings) -> None:
        self.settings = settings
        self.samples = 0
        self.loud = 0
        self.behind: list[bool] = []

    @property
    def turn_open(self) -> bool:
        """There are words."""
        return self.loud > 0

    def push(self, samples: Samples, *, behind: bool) -> list[SpeechEvent]:
        """Count."""
        self.samples += len(samples)
        self.behind.append(behind)
        if not np.any(samples):
            return self.force_endpoint() if len(samples) else []
        self.loud += 1
        text = "a " * self.loud
        return [SpeechStarted(0, 0.9)] if self.loud == 1 else [Partial(words(text))]

    def update(self, settings: TurnSettings) -> None:
        """Keep."""
        self.settings = settings

    def force_endpoint(self) -> list[SpeechEvent]:
        """Say the words."""
        said, self.loud = self.loud, 0
        return [Final(words("a " * said))] if said else []

    def finish(self) -> list[SpeechEvent]:
        """Say the words."""
        return self.force_endpoint()

    def take_speech_probability(self) -> float:
        """Return a constant."""
        return 0.5


LOUD = b"\1\1" * 800


def opened(query: str = "", *, max_session_s: float = 100.0) -> tuple[Session, ParrotStream]:
    engine = Parrot()
    assert isinstance(engine, StreamingEngine)
    session = Session(
        session_id="id", engine=engine, parameters=read_query(query), now_s=50.0, max_session_s=max_session_s
    )
    return session, engine.stream


def read(outputs: list[Output]) -> list[Message]:
    """Return what is sent as JSON; a close as {"close": code, "reason": text}."""
    return [
        json.loads(o.text) if isinstance(o, Send) else {"close": o.code, "reason": o.reason} for o in outputs
    ]


def test_begin_tells_id_expiry_and_the_real_engine() -> None:
    """`expires_at` is Unix time, whole seconds."""
    session, _ = opened("speech_model=u3-rt-pro", max_session_s=10_800)
    (begin,) = read(session.begin(unix_s=1_000_000.7))
    assert begin["type"] == "Begin"
    assert begin["id"] == "id"
    assert begin["expires_at"] == 1_010_800
    assert begin["configuration"]["model"] == "parrot"


def test_what_has_no_effect_is_warned_of() -> None:
    """After Begin, and after an update."""
    session, _ = opened("speaker_labels=true")
    assert [m["type"] for m in read(session.begin(unix_s=0))] == ["Begin", "Warning"]
    (warning,) = read(session.receive('{"type":"UpdateConfiguration","prompt":"x"}', 50))
    assert warning["warning"] == "prompt has no effect on this server"


def test_turns_are_counted_by_their_finals() -> None:
    """Partials and the final of a turn share a `turn_order`, the next turn has the next."""
    session, _ = opened()
    sent = [m for f in (LOUD, LOUD, FRAME, LOUD, LOUD, FRAME) for m in read(session.receive(f, 50))]
    assert [(m["type"], m.get("turn_order"), m.get("transcript")) for m in sent] == [
        ("SpeechStarted", None, None),
        ("Turn", 0, "a a"),
        ("Turn", 0, "a a"),
        ("SpeechStarted", None, None),
        ("Turn", 1, "a a"),
        ("Turn", 1, "a a"),
    ]
    assert [m["end_of_turn"] for m in sent if m["type"] == "Turn"] == [False, True] * 2


def test_force_endpoint_ends_an_open_turn_and_only_that() -> None:
    """Nothing follows where nobody spoke."""
    session, _ = opened()
    assert session.receive('{"type":"ForceEndpoint"}', 50) == []
    session.receive(LOUD, 50)
    (final,) = read(session.receive('{"type":"ForceEndpoint"}', 50))
    assert final["end_of_turn"]


def test_terminate_finishes_the_turn_then_says_termination_then_closes() -> None:
    """Nothing follows Termination but the close with 1000."""
    session, stream = opened()
    for _ in range(30):
        session.receive(LOUD, 50)
    final, termination, close = read(session.receive('{"type":"Terminate"}', 53.2))
    assert final["end_of_turn"]
    assert termination == {"type": "Termination", "audio_duration_seconds": 2, "session_duration_seconds": 3}
    assert close == {"close": 1000, "reason": ""}
    assert stream.samples == 30 * 800


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (bytes(1598), 3007, "Input duration violation: 49.94 ms. Expected between 50 and 1000 ms"),
        (b"", 3007, "Input duration violation: 0 ms. Expected between 50 and 1000 ms"),
        (bytes(32_002), 3007, "Input duration violation: 1000.06 ms. Expected between 50 and 1000 ms"),
        (bytes(1601), 3006, "Invalid Message: audio of 1601 bytes ends within a 16-bit sample"),
        ('{"type":"Stop"}', 3006, "Invalid Message Type: 'Stop'"),
        ("[]", 3006, "Invalid Message: []: expected an object"),
        (
            '{"type":"UpdateConfiguration","max_turn_silence":60001}',
            3006,
            "Invalid Parameter: max_turn_silence = 60001: must be a whole number in 0..60000",
        ),
    ],
)
def test_a_broken_rule_is_told_and_closes_with_the_same_code(
    message: str | bytes, code: int, text: str
) -> None:
    """Error first, then the close with its reason."""
    session, _ = opened()
    assert read(session.receive(message, 50)) == [
        {"type": "Error", "error_code": code, "error": text},
        {"close": code, "reason": text},
    ]


def test_a_long_error_leaves_a_pointer_in_the_close_frame() -> None:
    """A close frame carries 123 bytes."""
    session, _ = opened()
    error, close = read(session.receive("{" + "x" * 500, 50))
    assert error["error"].startswith("Invalid JSON")
    session, _ = opened()
    long = json.dumps({"type": "UpdateConfiguration", "keyterms_prompt": ["x" * 51] * 9})
    error, close = read(session.receive(long, 50))
    assert len(error["error"]) > 123
    assert close["reason"] == "See Error message for details"


def test_an_update_reaches_the_engine() -> None:
    """From the next sample on; there is no acknowledgement."""
    session, stream = opened("vad_threshold=0.3")
    assert stream.settings.vad_threshold == 0.3
    update = '{"type":"UpdateConfiguration","min_turn_silence":100,"max_turn_silence":2000}'
    assert session.receive(update, 50) == []
    assert stream.settings == TurnSettings(100, 2000, 0.3)


def test_an_expired_session_says_its_last_words() -> None:
    """The open turn is finished before Error and close 3008."""
    session, _ = opened(max_session_s=10)
    session.receive(LOUD, 50)
    assert session.next_due_s() == 60
    assert session.tick(59.9) == []
    final, error, close = read(session.tick(60))
    assert final["end_of_turn"]
    assert error["error"] == "Session Expired: Maximum session duration exceeded"
    assert close["close"] == error["error_code"] == 3008


def test_inactivity_closes_where_a_timeout_was_asked_for() -> None:
    """Audio and KeepAlive put it off; without the parameter silence on the line is no fault."""
    session, _ = opened()
    assert session.tick(149) == []
    session, _ = opened("inactivity_timeout=5")
    session.receive('{"type":"KeepAlive"}', 53)
    assert session.next_due_s() == 58
    assert session.tick(57.9) == []
    error, close = read(session.tick(58))
    assert close["close"] == error["error_code"] == 3005
    assert "inactivity_timeout" in error["error"]


def test_heartbeats_count_the_audio_taken_in() -> None:
    """One a second, where asked for, with the ms of audio dealt with so far."""
    session, _ = opened("session_heartbeat=True")
    for _ in range(10):
        session.receive(FRAME, 50.5)
    assert session.tick(50.9) == []
    assert read(session.tick(51.0)) == [
        {
            "type": "Heartbeat",
            "total_audio_received_ms": 500,
            "total_duration_ms": 1000,
            "realtime_factor": 0.5,
            "max_speech_probability": 0.5,
        }
    ]
    assert session.tick(51.5) == []
    assert session.next_due_s() == 52.0


def test_silence_is_acknowledged_where_asked_for() -> None:
    """Once a second of silence, in times of the session's audio; speech begins the count anew."""
    session, _ = opened("acknowledge_silence=true")
    frames = [FRAME] * 30 + [LOUD] + [FRAME] * 30
    sent = [m for f in frames for m in read(session.receive(f, 50)) if m["type"] == "Silence"]
    assert [(m["start_ms"], m["end_ms"]) for m in sent] == [(0, 1000), (1550, 2550)]


def test_the_engine_learns_when_audio_comes_faster_than_it_is_read() -> None:
    """More than a second received without a wait is behind; a wait ends it."""
    session, stream = opened()
    for _ in range(21):
        session.receive(FRAME, 50)
    assert stream.behind == [False] * 20 + [True]
    session.waited()
    session.receive(FRAME, 50)
    assert not stream.behind[-1]


@pytest.mark.parametrize(
    ("headers", "target", "welcome"),
    [
        ({"Authorization": "secret"}, "/v3/ws", True),
        ({}, "/v3/ws?token=secret", True),
        ({"Authorization": "Bearer secret"}, "/v3/ws", False),
        ({"Authorization": "guess"}, "/v3/ws?token=secret", False),
        ({}, "/v3/ws", False),
        ({"Authorization": "sécret"}, "/v3/ws", False),
    ],
)
def test_the_raw_key_opens_the_door(headers: dict[str, str], target: str, welcome: bool) -> None:
    """In the header, or as the query's token; the service's text for anything else."""
    parameters = parameters_of(target)
    authorize(None, headers, parameters)
    if welcome:
        authorize("secret", headers, parameters)
        return
    with pytest.raises(ClientError) as caught:
        authorize("secret", headers, parameters)
    assert caught.value.code == 1008
    assert caught.value.text == "Unauthorized Connection: Missing Authorization header"


@given(st.lists(st.one_of(st.binary(max_size=4000), st.text(max_size=60)), max_size=20))
def test_garbage_ends_a_session_in_order(frames: list[str | bytes]) -> None:
    """Whatever a client sends is answered, or ends the session with Error and close."""
    session, _ = opened()
    for frame in frames:
        outputs = session.receive(frame, 50)
        if outputs and isinstance(outputs[-1], Close):
            assert isinstance(outputs[-2], Send)
            assert json.loads(outputs[-2].text)["error_code"] == outputs[-1].code
            return
