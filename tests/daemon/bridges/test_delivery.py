"""What leaves heard: the body as it was published, and a key."""

import json

from heard.bridges.delivery import as_json, delivery
from heard.wire.codec import Body
from heard_client import Message
from heard_client.parsing import from_body

from .running import turn


def message(topic: str, **more: object) -> Message:
    header: Body = {"v": 1, "run": "r1", "seq": 4, "time": 9.5, "source": topic.rpartition(".")[2]}
    found = from_body(topic, header | turn("grüß Gott", **more) | {"turn_id": "t7"})
    assert found is not None
    return found


def test_a_final_has_its_turn_id_as_key() -> None:
    """All that was published is there, fields of a later version too."""
    item = delivery(message("transcript.final.mic", mood="cheerful"))
    assert item is not None
    assert (item.key, item.turn_id, item.kind, item.source) == ("t7", "t7", "final", "mic")
    assert (item.run, item.seq, item.time) == ("r1", 4, 9.5)
    body = json.loads(item.body)
    assert body["topic"] == "transcript.final.mic"
    assert (body["text"], body["mood"], body["words"][0]["text"]) == ("grüß Gott", "cheerful", "grüß")
    assert "grüß" in item.body.decode()


def test_a_revision_is_not_taken_for_its_final() -> None:
    """Its key begins with the turn's: a far side that knows the final by its key takes it, too."""
    item = delivery(message("transcript.revised.mic"))
    assert item is not None
    assert (item.key, item.turn_id, item.kind) == ("t7-revised-r1-4", "t7", "revised")


def test_what_may_be_missed_is_not_delivered() -> None:
    """It can be told, without its audio."""
    assert delivery(message("transcript.partial.mic")) is None
    audio = from_body("audio.mic", {"pcm": b"\0\0", "sample": 3})
    assert audio is not None
    assert json.loads(as_json(audio)) == {"topic": "audio.mic", "sample": 3}
