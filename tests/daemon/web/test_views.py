"""Messages of the daemon as events of the page."""

import json

import pytest

from heard.web import views
from heard_client.messages import StatusMessage, Transcript
from heard_client.parsing import from_body

from ...clients.peers import final


def test_an_event_is_one_line_of_ascii() -> None:
    """Whatever is in it: a line feed would end it, and U+2028 is one to some."""
    data = views.event("final", {"text": "a\nb\r\u2028ü\ud800"})
    head, body = data.decode("ascii").removesuffix("\n\n").split("\n")
    assert head == "event: final"
    assert json.loads(body.removeprefix("data: ")) == {"text": "a\nb\r\u2028ü\ud800"}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(number: float) -> None:
    """A browser could not read it."""
    with pytest.raises(ValueError, match="JSON"):
        views.event("level", {"rms": number})


def test_speakers_are_named_once_in_the_order_in_which_they_speak() -> None:
    words = [{"text": "w", "speaker": speaker} for speaker in ("B", "A", "B", "")]
    message = from_body("transcript.final.mic", final("w w w w") | {"source": "mic", "words": words})
    assert isinstance(message, Transcript)
    assert views.transcript(message)["speakers"] == ["B", "A"]


def test_a_status_of_which_parts_are_missing_is_shown() -> None:
    """A daemon of another version may tell less; what is not shown is left out."""
    message = from_body("status", {"state": "ready", "processes": {"denoise": {"pid": 7}}})
    assert isinstance(message, StatusMessage)
    shown = views.status(message.status)
    assert (shown["state"], shown["sources"], shown["faults"]) == ("ready", {}, [])
    assert shown["processes"] == {"denoise": {"state": "", "restarts": 0}}
