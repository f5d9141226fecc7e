"""What the service says is read leniently and without ever raising."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.upstream import messages
from heard.upstream.messages import (
    _READERS,
    Begin,
    Heartbeat,
    LLMGatewayResponse,
    Relabelled,
    ServiceError,
    ServiceWarning,
    Silence,
    SpeakerRevision,
    SpeechStarted,
    Termination,
    Turn,
    Unknown,
    Unreadable,
    Word,
    read,
)
from heard.wire.codec import MAX_MESSAGE_BYTES, Body
from heard.wire.events import Event
from heard.wire.topics import Topic

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TYPES = sorted(_READERS)
FIELDS = [
    *(
        "id",
        "expires_at",
        "configuration",
        "timestamp",
        "turn_order",
        "end_of_turn",
        "transcript",
        "utterance",
    ),
    *("words", "revisions", "start_ms", "end_ms", "error", "error_code", "warning", "language_code"),
    *("total_audio_received_ms", "retry_after_seconds", "speaker_label"),
]

TURN = (
    '{"turn_order":0,"turn_is_formatted":true,"end_of_turn":true,"transcript":"My name is Sonny.",'
    '"end_of_turn_confidence":1,"words":[{"start":1216,"end":1635,"text":"My","confidence":0.956583,'
    '"word_is_final":true}],"utterance":"My name is Sonny.","type":"Turn"}'
)

REVISION = (
    '{"type":"SpeakerRevision","revisions":[{"turn_order":3,"speaker_label":"B",'
    '"words":[{"text":"Hello","speaker":"B","start":1200,"end":1450}]}]}'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"type":"Begin","id":"3207b601","expires_at":1772570132,"configuration":{"model":"u3-rt-pro"}}',
            Begin("3207b601", 1772570132.0, "u3-rt-pro"),
        ),
        ('{"type":"SpeechStarted","timestamp":1216,"confidence":0.98}', SpeechStarted(1216)),
        (
            TURN,
            Turn(
                0,
                end_of_turn=True,
                formatted=True,
                transcript="My name is Sonny.",
                words=(Word("My", 1216, 1635, 0.956583, final=True),),
            ),
        ),
        ('{"type":"Termination","audio_duration_seconds":13.5}', Termination(13.5)),
        ('{"type":"Termination"}', Termination(None)),
        ('{"type":"Error","error_code":3008,"error":"Expired"}', ServiceError(3008, "Expired")),
        ('{"error":"no type at all"}', ServiceError(None, "no type at all")),
        (
            '{"type":"Error","error":{"message":"busy"},"retry_after_seconds":3}',
            ServiceError(None, "busy", 3.0),
        ),
        ('{"type":"Warning","warning_code":12,"warning":"hm"}', ServiceWarning(12, "hm")),
        ('{"type":"Heartbeat","total_audio_received_ms":5000}', Heartbeat(5000)),
        ('{"type":"Silence","start_ms":0,"end_ms":1000}', Silence(0, 1000)),
        (
            REVISION,
            SpeakerRevision((Relabelled(3, "B", ("B",)),)),
        ),
        ('{"type":"LLMGatewayResponse","turn_order":2,"data":{}}', LLMGatewayResponse(2)),
        ('{"type":"Fanfare"}', Unknown("Fanfare")),
    ],
)
def test_every_message_of_the_reference(text: str, message: object) -> None:
    """The reference's own examples, and the variants it warns of."""
    assert read(text) == message
    assert read(text.encode()) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"Turn"',
        "{}",
        '{"type":7}',
        '{"type":"Turn"}',
        b"\xff",
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_what_is_no_message_says_why(text: str | bytes) -> None:
    """Never an exception; a reason to log."""
    message = read(text)
    assert isinstance(message, Unreadable)
    assert message.why


def test_nulls_and_missing_fields_get_defaults() -> None:
    """A Turn of nulls is an empty partial; words without text are left out, times come from neighbours."""
    assert read('{"type":"Turn","turn_order":1,"transcript":null,"words":null,"end_of_turn":null}') == Turn(1)
    turn = read(
        '{"type":"Turn","turn_order":1,"words":[null,{"text":"a","start":5,"end":9},{"text":null},'
        '{"text":"b"},{"text":"c","start":20,"end":3,"confidence":7},[]]}'
    )
    assert isinstance(turn, Turn)
    assert [(w.text, w.start_ms, w.end_ms, w.confidence) for w in turn.words] == [
        ("a", 5, 9, 0.0),
        ("b", 9, 9, 0.0),
        ("c", 20, 20, 1.0),
    ]


def test_text_can_always_be_encoded() -> None:
    """Half a surrogate pair in JSON becomes a question mark, and other text stays as it is."""
    turn = read('{"type":"Turn","turn_order":0,"transcript":"\\ud83d Zażółć 🎧"}')
    assert isinstance(turn, Turn)
    assert turn.transcript == "? Zażółć 🎧"


@given(st.text() | st.binary())
def test_any_bytes(data: str | bytes) -> None:
    """No input raises."""
    read(data)


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_fields(kind: str, fields: dict[str, object]) -> None:
    """No value of any field raises, and what is read can be encoded."""
    message = read(json.dumps({**fields, "type": kind}))
    if isinstance(message, Turn):
        message.transcript.encode()


def test_the_query_holds_lists_as_json_and_flags_in_lower_case() -> None:
    """As the service's own clients send them."""
    assert messages.query("u3-rt-pro", 16000, {"keyterms_prompt": ["a b", "ł"], "format_turns": True}) == (
        "speech_model=u3-rt-pro&sample_rate=16000&encoding=pcm_s16le"
        "&keyterms_prompt=%5B%22a+b%22%2C+%22%5Cu0142%22%5D&format_turns=true"
    )


def test_client_messages() -> None:
    """Each is a JSON object with its type."""
    assert json.loads(messages.FORCE_ENDPOINT) == {"type": "ForceEndpoint"}
    assert json.loads(messages.KEEP_ALIVE) == {"type": "KeepAlive"}
    assert json.loads(messages.TERMINATE) == {"type": "Terminate"}
    assert json.loads(messages.update_configuration({"vad_threshold": 0.5})) == {
        "type": "UpdateConfiguration",
        "vad_threshold": 0.5,
    }


def words(count: int, text: str, speaker: str | None = None) -> list[dict[str, object]]:
    """Return the words of a Turn."""
    more = {} if speaker is None else {"speaker": speaker}
    return [{"text": text, "start": n, "end": n, "confidence": 0.5} | more for n in range(count)]


def test_the_largest_turn_fits_a_message_of_ours() -> None:
    """What is taken can be published, with new speaker labels too; a turn that could not is unreadable."""
    size = messages.MOST_TURN_BYTES // messages.MOST_WORDS
    spoken = words(messages.MOST_WORDS, "é" * (size // 4), "x" * (size // 2))
    transcript = "w" * messages.MOST_TURN_BYTES
    turn = read(json.dumps({"type": "Turn", "turn_order": 0, "transcript": transcript, "words": spoken}))
    assert isinstance(turn, Turn)
    time = 1_700_000_000.123
    relabelled = [
        {
            "text": word.text,
            "start": time,
            "end": time,
            "confidence": 0.5,
            "final": True,
            "speaker": "x" * (size - 1),
        }
        for word in turn.words
    ]
    body: Body = {"text": turn.transcript, "words": relabelled}
    assert len(Event(Topic.FINAL, "s" * 32, body).pack()) < MAX_MESSAGE_BYTES
    for change in (
        {"transcript": transcript + "w"},
        {"words": words(messages.MOST_WORDS + 1, "w")},
        {"words": words(2, "w" * (messages.MOST_TURN_BYTES // 2 + 1))},
        {"words": words(messages.MOST_WORDS, "w", "x" * messages.MOST_NAME)},
        {"words": words(messages.MOST_WORDS, "w"), "speaker_label": "x" * messages.MOST_NAME},
    ):
        assert isinstance(read(json.dumps({"type": "Turn", "turn_order": 0, **change})), Unreadable)
    labels = [{"turn_order": 0, "words": words(messages.MOST_WORDS, "w", "x" * messages.MOST_NAME)}]
    assert read(json.dumps({"type": "SpeakerRevision", "revisions": labels})) == SpeakerRevision(())


@pytest.mark.parametrize("kind", ["Error", "Warning", "Begin"])
def test_a_long_remark_is_cut(kind: str) -> None:
    """It stands in the status and in the log."""
    long = "x" * 100_000
    found = read(
        json.dumps(
            {"type": kind, "error": long, "warning": long, "id": long, "configuration": {"model": long}}
        )
    )
    assert len(repr(found)) < 2 * messages.MOST_REMARK


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"type":' * 100_000,
        b'{"type":"Turn","turn_order":' + b"9" * 5000 + b"}",
        b'{"type":"Begin","expires_at":1e999}',
        b'{"type":"Turn","turn_order":NaN}',
        b'{"type":"\xff\xfe"}',
        b"\xff\xfe{\x00}\x00",
        b'{"type":"Turn","turn_order":0,"transcript":"\\ud800"}',
    ],
    ids=["brackets", "maps", "digits", "infinity", "nan", "bytes", "utf-16", "surrogate"],
)
def test_hostile_json_is_read_or_unreadable(data: bytes) -> None:
    """Never an exception, and text that can be sent on."""
    found = read(data)
    if isinstance(found, Turn):
        found.transcript.encode()


@pytest.mark.parametrize("kind", ["Error", "Warning", "Begin", "\x1b]0;x\x07\n\u202eZ"])
def test_what_goes_into_the_log_is_one_printable_line(kind: str) -> None:
    """A terminal would obey what the service sent."""
    text = "a\x1b]0;x\x07b\nc\x9b31md\u202ee"
    found = read(json.dumps({"type": kind, "error": text, "warning": text, "id": text}))
    said = [value for value in dataclasses.asdict(found).values() if isinstance(value, str)]
    assert said
    assert all(each.isprintable() for each in said)
