"""What a Wyoming client is told of turns, in an order that it can follow."""

from __future__ import annotations

from heard.bridges.speech import Event, Speech
from heard.wire.codec import checked
from heard_client import Cursor, Final, Partial
from heard_client.parsing import from_body

from .running import turn

PLACE = Cursor("r", 5.0, {"transcript.final.mic": 1})


def partial(turn_id: str, text: str, sure: int, source: str = "mic") -> Partial:
    words = [{"text": word, "final": n < sure} for n, word in enumerate(text.split())]
    message = from_body(f"transcript.partial.{source}", turn(text) | {"turn_id": turn_id, "words": words})
    assert isinstance(message, Partial)
    return message


def final(turn_id: str, text: str, source: str = "mic") -> Final:
    message = from_body(f"transcript.final.{source}", turn(text) | {"turn_id": turn_id})
    assert isinstance(message, Final)
    return message


def chunks(events: list[Event]) -> list[object]:
    return [data["text"] for kind, data in events if kind == "transcript-chunk"]


def test_each_sure_word_is_told_once() -> None:
    """A word that may still change is not told; the end tells the rest."""
    speech = Speech()
    told = speech.partial(partial("1", "turn of", 1)) + speech.partial(partial("1", "turn off the", 2))
    assert chunks(told) == ["turn", " off"]
    assert speech.partial(partial("1", "turn off the", 2)) == []
    assert chunks(speech.final(final("1", "turn off the light."), PLACE)) == [" the light."]


def test_words_written_otherwise_in_the_end_are_in_the_transcript_alone() -> None:
    """Chunks cannot be taken back."""
    speech = Speech()
    speech.partial(partial("1", "turn off", 2))
    events = speech.final(final("1", "Turn off!"), PLACE)
    assert chunks(events) == []
    assert [data["text"] for kind, data in events if kind == "transcript"] == ["Turn off!"]


def test_a_final_without_partials_is_a_whole_turn() -> None:
    """As after a hole, or with partials switched off; its context has the place behind it."""
    events = Speech().final(final("1", "yes"), PLACE)
    kinds = "voice-started transcript-start transcript-chunk voice-stopped transcript transcript-stop"
    assert [kind for kind, _ in events] == kinds.split()
    context = checked(dict(events)["transcript"]["context"], "context", dict)
    assert context["cursor"] == {"run": "r", "time": 5.0, "seq": {"transcript.final.mic": 1}}


def test_a_late_partial_of_a_turn_that_is_over_says_nothing() -> None:
    """Finals may overtake partials where one was mended."""
    speech = Speech()
    speech.final(final("1", "yes"), PLACE)
    assert speech.partial(partial("1", "yes", 1)) == []
    assert [kind for kind, _ in speech.partial(partial("2", "no", 0))] == [
        "voice-started",
        "transcript-start",
    ]


def test_sources_do_not_mix() -> None:
    """Each has a turn of its own."""
    speech = Speech()
    speech.partial(partial("1", "left", 1, "left"))
    speech.partial(partial("2", "right", 1, "right"))
    assert chunks(speech.partial(partial("1", "left too", 2, "left"))) == [" too"]
    assert chunks(speech.final(final("2", "right one", "right"), PLACE)) == [" one"]
