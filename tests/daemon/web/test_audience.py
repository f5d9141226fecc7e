"""Who looks, and what a slow viewer is sent less of."""

import json

import pytest

from heard.web.audience import (
    PAST_FINALS,
    PAST_HAPPENINGS,
    VIEWERS,
    WAITING_FINALS,
    WAITING_SPECTRA,
    Audience,
    FullError,
    Viewer,
)
from heard.wire.codec import Body
from heard_client.messages import Message
from heard_client.parsing import from_body

from ...clients.peers import final

HEADER: Body = {"v": 1, "run": "r", "seq": 1, "time": 1_700_000_000.0}


def _message(topic: str, body: Body) -> Message:
    message = from_body(topic, HEADER | body)
    assert message is not None
    return message


def _final(number: int, kind: str = "final", source: str = "mic", text: str = "") -> Message:
    return _message(f"transcript.{kind}.{source}", final(text or f"turn {number}", f"t{number}"))


def _level(rms: float, source: str = "mic") -> Message:
    names = ("rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs")
    return _message(f"level.{source}", dict.fromkeys(names, rms))


def _spectrum(start: float) -> Message:
    body: Body = {"start": start, "low_hz": 50.0, "high_hz": 8000.0, "bands_dbfs": b"\x01\x02"}
    return _message("spectrum.mic", body | {"denoised_bands_dbfs": b"\x00\x01"})


def _events(data: bytes) -> list[tuple[str, dict[str, object]]]:
    """Return what a browser makes of a stream."""
    found = []
    for block in data.decode("ascii").split("\n\n")[:-1]:
        name, value = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(value.removeprefix("data: "))))
    return found


def _joined(audience: Audience) -> Viewer:
    viewer = audience.join(lambda: None)
    viewer.take()
    return viewer


def test_everybody_is_sent_what_comes() -> None:
    audience = Audience()
    viewers = [_joined(audience), _joined(audience)]
    audience.tell(_final(1))
    for viewer in viewers:
        [(name, view)] = _events(viewer.take())
        assert (name, view["source"], view["text"], view["turn"]) == ("final", "mic", "turn 1", "t1")
        assert viewer.take() == b""


def test_a_new_viewer_is_given_the_past_and_the_present() -> None:
    """The newest turns, each as it was corrected, what happened, and of all else the newest."""
    audience = Audience()
    for number in range(PAST_FINALS + 20):
        audience.tell(_final(number))
    audience.tell(_final(100, "revised", text="as it was meant"))
    for rms in (-50.0, -40.0):
        audience.tell(_level(rms))
    audience.tell(_message("status", {"state": "ready", "sources": {"mic": {"state": "live"}}}))
    events = _events(audience.join(lambda: None).take())
    finals = [view for name, view in events if name == "final"]
    assert [view["turn"] for view in finals] == [f"t{n}" for n in range(20, PAST_FINALS + 20)]
    assert finals[80]["text"] == "as it was meant"
    assert [view["rms"] for name, view in events if name == "level"] == [-40.0]
    [status] = [view for name, view in events if name == "status"]
    assert status["sources"] == {"mic": {"state": "live"}}


def test_of_what_is_replaced_a_slow_viewer_gets_the_newest() -> None:
    """And nothing of a turn that has ended."""
    audience = Audience()
    viewer = _joined(audience)
    for number in range(1000):
        audience.tell(_level(-float(number % 60)))
        audience.tell(_final(1, "partial", text=f"word {number}"))
        audience.tell(_final(2, "partial", "caller", text="other"))
    audience.tell(_final(1, text="all of it"))
    events = _events(viewer.take())
    assert sorted(name for name, _ in events) == ["final", "level", "partial"]
    assert next(view for name, view in events if name == "partial")["source"] == "caller"


def test_the_oldest_columns_of_a_slow_viewer_go_and_its_finals_stay() -> None:
    audience = Audience()
    viewer = _joined(audience)
    for number in range(WAITING_FINALS):
        audience.tell(_final(number))
        for column in range(10):
            audience.tell(_spectrum(number + column / 20))
    events = _events(viewer.take())
    assert [view["turn"] for name, view in events if name == "final"] == [
        f"t{n}" for n in range(WAITING_FINALS)
    ]
    columns = [view for name, view in events if name == "spectrum"]
    assert len(columns) == WAITING_SPECTRA
    assert columns[-1]["start"] == WAITING_FINALS - 1 + 9 / 20
    assert viewer.dropped == 10 * WAITING_FINALS - WAITING_SPECTRA
    assert (columns[0]["before"], columns[0]["after"]) == ("AQI=", "AAE=")


def test_a_viewer_too_slow_for_finals_is_sent_away_and_another_is_not() -> None:
    """Its browser comes again, and is given the newest: as many as the page keeps."""
    audience = Audience()
    slow, quick = _joined(audience), _joined(audience)
    for number in range(WAITING_FINALS + 1):
        audience.tell(_final(number))
        quick.take()
    assert (slow.ended, quick.ended) == (True, False)
    audience.leave(slow)
    assert audience.viewers == {quick}


def test_what_is_kept_is_bounded() -> None:
    """Whatever comes for however long."""
    audience = Audience()
    for number in range(3 * PAST_FINALS):
        audience.tell(_final(number))
        audience.tell(_message("source.mic", {"event": "lost", "detail": "unplugged"}))
        audience.tell(_message("gap.mic", {"reason": "xrun", "samples": 1, "start": 1.0, "end": 2.0}))
    events = _events(audience.join(lambda: None).take())
    assert len(events) == PAST_FINALS + PAST_HAPPENINGS + 1


def test_there_may_be_so_many_viewers() -> None:
    audience = Audience()
    viewers = [_joined(audience) for _ in range(VIEWERS)]
    with pytest.raises(FullError, match=str(VIEWERS)):
        audience.join(lambda: None)
    audience.leave(viewers[0])
    audience.join(lambda: None)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a\n\nevent: status\ndata: {}", "\u2028\u2029\r", "\ud800", "\0"]
)
def test_hostile_text_stays_text(text: str) -> None:
    """It cannot begin an event of its own, and comes out as it went in."""
    audience = Audience()
    viewer = _joined(audience)
    audience.tell(_final(1, text=text))
    [(name, view)] = _events(viewer.take())
    assert (name, view["text"]) == ("final", text)


def test_a_number_that_json_does_not_have_is_counted_and_left_out() -> None:
    audience = Audience()
    viewer = _joined(audience)
    audience.tell(_level(float("nan")))
    assert (viewer.take(), audience.unreadable) == (b"", 1)


def test_without_the_daemon_nothing_goes_on() -> None:
    """A new viewer sees no turn that will never end, and why nothing comes."""
    audience = Audience()
    audience.tell(_level(-30))
    audience.tell(_final(1, "partial"))
    audience.tell_link(up=False, reason="nobody there")
    events = dict(_events(audience.join(lambda: None).take()))
    assert set(events) == {"now", "link"}
    assert events["link"] == {"up": False, "reason": "nobody there"}


def test_what_happens_is_told_in_a_line() -> None:
    audience = Audience()
    viewer = _joined(audience)
    audience.tell(_message("source.mic", {"event": "verdict", "verdict": "clipping", "detail": "too loud"}))
    audience.tell(_message("upstream.mic", {"event": "outage", "reason": "no network"}))
    audience.tell(_message("gap.mic", {"reason": "xrun", "samples": 8000, "start": 1.0, "end": 1.5}))
    views = [view for _, view in _events(viewer.take())]
    assert [(view["kind"], view["what"], view["why"]) for view in views] == [
        ("verdict", "clipping", "too loud"),
        ("upstream", "outage", "no network"),
        ("gap", "gap", "0.50 s lost: xrun"),
    ]
