"""Events and acknowledgements, pinned to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.events import Ack, Event, Settlement
from heard.wire.topics import Topic

from .golden import only_wire_errors, pinned, refuses

FINAL = Event(Topic.FINAL, "mic", {"text": "hi"}, 7, Settlement(0, 320, 300), 1.5, 2.5)


@pytest.mark.parametrize(
    ("event", "golden"),
    [
        (
            FINAL,
            (
                "87a5746f706963b07472616e7363726970742e66696e616ca6736f75726365a36d6963a4626f647981a474657874a26869"
                "a66e756d62657207a7736574746c65739300cd0140cd012ca973706f6b656e5f6174cb3ff8000000000000"
                "ab72656365697665645f6174cb4004000000000000"
            ),
        ),
        (
            Event(None, "mic", {}),
            (
                "87a5746f706963c0a6736f75726365a36d6963a4626f647980a66e756d62657200a7736574746c6573c0"
                "a973706f6b656e5f6174cb0000000000000000ab72656365697665645f6174cb0000000000000000"
            ),
        ),
    ],
)
def test_golden_bytes_of_events(event: Event, golden: str) -> None:
    """With everything, and with what only settles."""
    pinned(event, event.pack(), Event.unpack, golden)


def test_golden_bytes_of_an_acknowledgement() -> None:
    """A number and whether `publish` is new."""
    pinned(Ack(7, fresh=True), Ack(7, fresh=True).pack(), Ack.unpack, "82a66e756d62657207a56672657368c3")
    assert Ack.unpack(Ack(3).pack()) == Ack(3, fresh=False)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("topic", "gossip", "must be one of"),
        ("settles", [1, 2], "must hold three numbers"),
        ("settles", [1, 2, "x"], "must be int"),
        ("settles", 5, "must be list"),
        ("body", [], "must be dict"),
        ("number", 1.5, "must be int"),
    ],
)
def test_what_is_no_event(field: str, value: object, complaint: str) -> None:
    """Says which field and why."""
    assert complaint in refuses(Event.unpack, FINAL.pack(), field, value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Never anything but a WireError."""
    only_wire_errors(Event.unpack, data)
    only_wire_errors(Ack.unpack, data)
