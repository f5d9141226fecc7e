"""Bytes of the publish socket as typed messages: every kind, additions, omissions and garbage."""

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from heard.wire.codec import Body, WireError, pack
from heard.wire.topics import DAEMON_WIDE, Topic
from heard_client import messages
from heard_client.messages import (
    Audio,
    Final,
    Gap,
    Level,
    Message,
    Partial,
    Revised,
    SourceEvent,
    StatusMessage,
    UpstreamEvent,
)
from heard_client.parsing import from_body, parse
from heard_client.words import LatencyTrace, Word

from .peers import final

HEADER: Body = {"v": 1, "run": "r", "seq": 3, "time": 12.5, "source": "mic"}


def read(topic: str, body: Body) -> Message:
    message = parse(topic, pack(HEADER | body))
    assert message is not None
    return message


@pytest.mark.parametrize(("topic", "kind"), [("partial", Partial), ("final", Final), ("revised", Revised)])
def test_a_transcript_is_read_with_its_words_and_its_latency(topic: str, kind: type[Message]) -> None:
    """Every field of the document, at the place where the document puts it."""
    words = [{"text": "Hear", "start": 1, "end": 1.5, "confidence": 0.75, "final": True, "speaker": "A"}]
    message = read(f"transcript.{topic}.mic", final("Hear", turn_id="t9", words=words, language="en"))
    assert type(message) is kind
    assert isinstance(message, messages.Transcript)
    assert (message.topic, message.v, message.run, message.seq, message.time, message.source) == (
        f"transcript.{topic}.mic", 1, "r", 3, 12.5, "mic"
    )  # fmt: skip
    assert (message.turn_id, message.session, message.text, message.language) == ("t9", "s1", "Hear", "en")
    assert message.words == (Word("Hear", 1.0, 1.5, 0.75, final=True, speaker="A"),)
    assert message.latency_ms == LatencyTrace(20, 110, 30, 400, 1, 561)


@pytest.mark.parametrize(
    ("topic", "body", "kind", "expected"),
    [
        (
            "source.mic",
            {"event": "verdict", "detail": "d", "verdict": "clipping"},
            SourceEvent,
            {"event": "verdict", "detail": "d", "verdict": "clipping"},
        ),
        ("source.mic", {"event": "live", "detail": None}, SourceEvent, {"detail": "", "verdict": None}),
        (
            "upstream.mic",
            {"event": "outage", "session": None, "reason": "no network"},
            UpstreamEvent,
            {"event": "outage", "session": None, "reason": "no network"},
        ),
        (
            "gap.mic",
            {"reason": "xrun", "samples": 160, "start": 1, "end": 1.01},
            Gap,
            {"reason": "xrun", "samples": 160, "start": 1.0, "end": 1.01},
        ),
        ("level.mic", {"rms_dbfs": -30.5, "snr_db": None}, Level, {"rms_dbfs": -30.5, "snr_db": None}),
        (
            "audio.mic",
            {"sample": 320, "start": 4.0, "rate_hz": 16000, "pcm": b"\1\2"},
            Audio,
            {"sample": 320, "start": 4.0, "rate_hz": 16000, "pcm": b"\1\2"},
        ),
    ],
)
def test_the_other_kinds_are_read(topic: str, body: Body, kind: type[Message], expected: Body) -> None:
    """Values arrive as they are; nil and missing fields read as empty."""
    message = read(topic, body)
    assert type(message) is kind
    assert {name: getattr(message, name) for name in expected} == expected


def test_the_status_is_handed_on_whole() -> None:
    """It is the same map as the op's, whatever a later daemon adds to it."""
    body: Body = {"v": 1, "run": "r", "seq": 1, "time": 2.0, "state": "ready", "weather": "fine"}
    message = parse("status", pack(body))
    assert isinstance(message, StatusMessage)
    assert dict(message.status) == body
    assert message.source == ""


def test_additions_are_no_obstacle() -> None:
    """A later version's fields stay readable in the body; its topics are passed over."""
    message = read("transcript.final.mic", final("word", mood="merry"))
    assert message.body["mood"] == "merry"
    for topic in (
        "transcript.summary.mic",
        "weather.mic",
        "weather",
        "status.mic",
        "fault.mic",
        "transcript.final",
        "",
    ):
        assert parse(topic, b"anything") is None


@pytest.mark.parametrize(
    "topic", [f"{topic}.mic" for topic in Topic if topic not in DAEMON_WIDE] + sorted(DAEMON_WIDE)
)
def test_an_empty_body_reads_as_empty(topic: str) -> None:
    """A daemon that leaves a field out does not end its subscribers; the topic tells the source."""
    message = parse(topic, pack({}))
    assert message is not None
    assert repr(message).startswith(type(message).__name__), "every field has a value"
    assert (message.seq, message.run) == (0, "")
    assert message.source == ("" if topic in DAEMON_WIDE else "mic")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        b"not msgpack",
        pack({})[:0] + b"\x93\1\2\3",
        pack(HEADER | {"text": 7}),
        pack(HEADER | {"seq": "three"}),
        pack(HEADER | {"seq": True}),
    ],
)
def test_garbage_is_told_from_messages(data: bytes) -> None:
    """A type never changes within a version: another one is a fault of the sender."""
    with pytest.raises(WireError):
        parse("transcript.final.mic", data)


@pytest.mark.parametrize(
    "words", [7, {"text": "Hear"}, ["Hear"], [None], [{"text": 1}], [{"text": "Hear", "speaker": 1}]]
)
def test_words_that_are_none_are_told_when_they_are_asked_for(words: object) -> None:
    """Most programs never ask; whoever does is told as the daemon's peers are."""
    message = read("transcript.final.mic", {"text": "Hear", "words": words})
    assert isinstance(message, Final)
    assert message.text == "Hear"
    with pytest.raises(WireError, match=r"words|text|speaker"):
        _ = message.words


@pytest.mark.parametrize("trace", [7, [], {"total": "long"}, {"total": True}])
def test_a_latency_that_is_none_is_told_when_it_is_asked_for(trace: object) -> None:
    """Likewise."""
    message = read("transcript.final.mic", {"latency_ms": trace})
    assert isinstance(message, Final)
    with pytest.raises(WireError, match=r"latency_ms|total"):
        _ = message.latency_ms


def test_a_transcript_is_whole_whoever_looks_first() -> None:
    """Its words are made once; a copy, a comparison and a picture of it have them too."""
    body = final("one two", latency_ms=dict.fromkeys(LatencyTrace._fields, 1.0))
    message = read("transcript.final.mic", body)
    assert isinstance(message, Final)
    assert message.words is message.words
    for look in (copy.copy, copy.deepcopy, pickled, dataclasses.replace):
        assert look(read("transcript.final.mic", body)) == message
    assert repr(read("transcript.final.mic", body)) == repr(message)
    assert "Word(text='one'" in repr(message)
    with pytest.raises(AttributeError, match="wrods"):
        _ = message.wrods  # type: ignore[attr-defined]  # that is the point
    assert not hasattr(message, "__length_hint__")


def pickled(message: Message) -> Message:
    copied = pickle.loads(pickle.dumps(message))  # noqa: S301  # our own
    assert isinstance(copied, Message)
    return copied


def test_messages_cannot_be_changed() -> None:
    """Whoever holds one may keep it."""
    with pytest.raises(AttributeError):
        read("gap.mic", {}).seq = 4  # type: ignore[misc]  # that is the point


def places(body: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where in nested maps and lists there is a value that is neither."""
    if not isinstance(body, dict | list):
        return [path]
    pairs = body.items() if isinstance(body, dict) else enumerate(body)
    return [place for key, value in pairs for place in places(value, (*path, key))]


def changed(place: tuple[str | int, ...], value: object) -> Body:
    """Return SAID with another value at a place; ABSENT for none."""
    body = copy.deepcopy(SAID)
    *way, last = place
    inner: Any = body
    for key in way:
        inner = inner[key]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return body


ABSENT = object()
SAID: Body = HEADER | final("one two", language="en", confidence=1.0)
PLACES = [place for place in places(SAID) if place != ("source",)]
NOTHING: dict[type, object] = {str: "", int: 0, float: 0.0, bool: False}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_one_odd_value_makes_no_difference_to_the_others(place: tuple[str | int, ...]) -> None:
    """A field that is missing is empty, a whole number is a float, and anything else is refused."""
    inner: Any = SAID
    for key in place:
        inner = inner[key]
    lack = None if place == ("language",) else NOTHING[type(inner)]
    without, empty = (from_body("transcript.final.mic", changed(place, each)) for each in (ABSENT, lack))
    assert without == empty
    assert without is not None
    if isinstance(inner, float):
        five = (from_body("transcript.final.mic", changed(place, each)) for each in (5, 5.0))
        assert repr(next(five)) == repr(next(five))
    with pytest.raises(WireError, match=repr(place[-1])):
        repr(from_body("transcript.final.mic", changed(place, ["no", "such"])))


def test_a_speaker_may_be_named_for_some_words_alone() -> None:
    """The service tells speakers apart late; some words stay without."""
    body = final("one two three")
    words = body["words"]
    assert isinstance(words, list)
    words[1]["speaker"] = "B"
    message = read("transcript.final.mic", body)
    assert isinstance(message, Final)
    assert [word.speaker for word in message.words] == [None, "B", None]
    assert {type(word) for word in message.words} == {Word}
