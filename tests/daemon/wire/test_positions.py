"""Positions, pinned to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.positions import (
    From,
    Position,
    Received,
    Refused,
    Replay,
    Settled,
    pack_position,
    unpack_position,
)

from .golden import only_wire_errors, pinned, refuses


@pytest.mark.parametrize(
    ("position", "golden"),
    [
        (
            Settled("mic", 0, 320, 300),
            (
                "85a46b696e64a7736574746c6564a6736f75726365a36d6963a5737461727400a473746f70cd0140"
                "a6616e63686f72cd012c"
            ),
        ),
        (
            Refused("mic", 0, 320, "refused"),
            (
                "85a46b696e64a772656675736564a6736f75726365a36d6963a5737461727400a473746f70cd0140"
                "a6726561736f6ea772656675736564"
            ),
        ),
        (
            Received("mic", 320, 160),
            "84a46b696e64a87265636569766564a6736f75726365a36d6963a77468726f756768cd0140a473656e74cca0",
        ),
        (
            Replay("", From.SETTLED),
            "83a46b696e64a67265706c6179a6736f75726365a0a57374617274a7736574746c6564",
        ),
    ],
)
def test_golden_bytes(position: Position, golden: str) -> None:
    """Each kind names itself."""
    pinned(position, pack_position(position), unpack_position, golden)


@pytest.mark.parametrize(
    ("position", "field", "value", "complaint"),
    [
        (Settled("mic", 0, 1, 1), "kind", "forgotten", "unknown kind 'forgotten'"),
        (Settled("mic", 0, 1, 1), "stop", "1", "must be int"),
        (Replay("mic", From.RECEIVED), "start", "tomorrow", "must be one of"),
        (Received("mic", 0, 1), "source", 5, "must be str"),
    ],
)
def test_what_is_no_position(position: Position, field: str, value: object, complaint: str) -> None:
    """Says which field and why."""
    assert complaint in refuses(unpack_position, pack_position(position), field, value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Never anything but a WireError."""
    only_wire_errors(unpack_position, data)
