"""Bodies as published: complete, checked, in one order."""

from __future__ import annotations

import pytest

from heard.publish.bodies import FIELDS, check, check_settlement, complete
from heard.wire.codec import Body, WireError
from heard.wire.events import Event, Settlement
from heard.wire.topics import Topic

WORD: Body = {"text": "Hello", "start": 1.0, "end": 1.4, "confidence": 1, "final": True}


def transcript(**changes: object) -> Body:
    """Return what `upstream` says of a final, in an order of its own."""
    return {
        "words": [dict(WORD)],
        "text": "Hello",
        "turn_id": "run-mic-0",
        "session": "s1",
        "start": 1,
        "end": 1.4,
        "confidence": 0.9,
        "backfill": False,
        "latency_ms": {"recognize": 200.0, "capture": 20, "denoise": 80.5, "upstream": 50.25},
        **changes,
    }


def final(**changes: object) -> Event:
    return Event(Topic.FINAL, "mic", transcript(**changes), received_at=99.5)


def test_a_final_is_completed_in_order() -> None:
    """Head, transcript, then what is not known; whole numbers become floats where floats are promised."""
    event = final(flavour="new", language="en")
    check(event)
    body = complete(event, "run", 7, 100.0)
    assert list(body) == [
        *("v", "run", "seq", "time", "source", "turn_id", "session", "text", "start", "end"),
        *("words", "confidence", "language", "backfill", "latency_ms", "flavour"),
    ]
    assert (body["v"], body["run"], body["seq"], body["time"], body["source"]) == (1, "run", 7, 100.0, "mic")
    assert isinstance(body["start"], float)
    assert body["words"] == [{**WORD, "confidence": 1.0}]


def test_the_trace_adds_up() -> None:
    """`publish` is the time since the answer arrived; `total` is the sum of all."""
    trace = complete(final(), "run", 1, 100.0)["latency_ms"]
    assert trace == {
        "capture": 20.0,
        "denoise": 80.5,
        "upstream": 50.25,
        "recognize": 200.0,
        "publish": 500.0,
        "total": 850.75,
    }
    assert isinstance(trace, dict)
    assert list(trace)[-2:] == ["publish", "total"]


def test_no_part_of_the_trace_is_negative() -> None:
    """A clock that was set back between two stages gives 0; a missing part is 0."""
    trace = complete(final(latency_ms={"capture": -3.0}), "run", 1, 99.0)["latency_ms"]
    assert trace == dict.fromkeys(("capture", "denoise", "upstream", "recognize", "publish", "total"), 0.0)


def test_a_stage_cannot_say_what_publish_says() -> None:
    """v, run, seq, time and source are publish's own."""
    body = complete(final(v=9, run="x", seq=0, time=0.0, source="hall"), "run", 7, 100.0)
    assert (body["v"], body["run"], body["seq"], body["time"], body["source"]) == (1, "run", 7, 100.0, "mic")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"text": None}, "'text'"),
        ({"text": b"bytes"}, "'text' must be str, not bytes"),
        ({"start": "1"}, "'start'"),
        ({"backfill": 1}, "'backfill' must be bool"),
        ({"words": [{**WORD, "final": 1}]}, "'final'"),
        ({"words": ["Hello"]}, "'words' must be dict"),
        ({"latency_ms": {"capture": "fast"}}, "latency_ms.capture"),
        ({"language": 3}, "'language'"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, object], complaint: str) -> None:
    """Before the message gets a number: subscribers see neither it nor a gap."""
    with pytest.raises(WireError, match=complaint):
        check(final(**changes))


def test_nothing_to_say_is_nil_or_left_out() -> None:
    """Promised fields are always there; those with a question mark only with a value."""
    body = complete(Event(Topic.SOURCE, "mic", {"event": "live"}), "run", 1, 1.0)
    assert list(body) == ["v", "run", "seq", "time", "source", "event", "detail", "verdict"]
    assert body["verdict"] is None
    assert "language" not in complete(final(language=None), "run", 1, 1.0)


def test_status_has_no_source() -> None:
    """Its body is the status map behind the head."""
    body = complete(Event(Topic.STATUS, "", {"state": "ready", "run": "run"}), "run", 3, 1.0)
    assert body == {"v": 1, "run": "run", "seq": 3, "time": 1.0, "state": "ready"}


def test_every_topic_is_described() -> None:
    """A topic without a row would pass unchecked."""
    assert set(FIELDS) == set(Topic)
    with pytest.raises(WireError, match="source"):
        check(Event(Topic.GAP, "", {"reason": "xrun", "samples": 1, "start": 0.0, "end": 0.0}))


def test_settlements_ascend() -> None:
    """Negative or reversed sample numbers are refused before anything is done with them."""
    check_settlement(Event(None, "mic", {}, settles=Settlement(5, 5, 0)))
    for bad in (Settlement(-1, 5, 0), Settlement(6, 5, 0), Settlement(0, 5, -1)):
        with pytest.raises(WireError, match="ascending"):
            check_settlement(Event(None, "mic", {}, settles=bad))
