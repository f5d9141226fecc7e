"""`Block`, pinned to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.audio import Block, End
from heard.wire.codec import pack

from .golden import only_wire_errors, pinned, refuses

BLOCK = Block(
    source="mic",
    sample=320,
    time=1.5,
    pcm=b"\x01\x00\xff\x7f",
    segment=2,
    segment_start=160,
    follows=320,
    pass_no=1,
    wanted=300,
    anchor=200,
    end=End.MUTED,
    handed=1.75,
    denoised=2.0,
    numbered_by="run",
)
GOLDEN = (
    "8fa6736f75726365a36d6963a673616d706c65cd0140a474696d65cb3ff8000000000000a370636dc4040100ff7f"
    "a7726174655f687acd3e80a77365676d656e7402ad7365676d656e745f7374617274cca0a7666f6c6c6f7773cd0140"
    "a7706173735f6e6f01a677616e746564cd012ca6616e63686f72ccc8a3656e64a56d75746564"
    "a668616e646564cb3ffc000000000000a864656e6f69736564cb4000000000000000"
    "ab6e756d62657265645f6279a372756e"
)


def test_golden_bytes() -> None:
    """Field by field as docs/wire.md has them."""
    pinned(BLOCK, BLOCK.pack(), Block.unpack, GOLDEN)


def test_counts_come_from_the_bytes() -> None:
    """Two bytes a sample; `stop` is one past the last."""
    assert (BLOCK.samples, BLOCK.stop) == (2, 322)


def test_fields_that_may_be_missing_have_their_defaults() -> None:
    """Without `follows` nothing is missing before the block."""
    block = Block.unpack(pack({"source": "mic", "sample": 5, "time": 1, "pcm": b""}))
    assert block == Block("mic", 5, 1.0, b"", follows=5)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("pcm", b"abc", "half a sample"),
        ("pcm", "text", "must be bytes"),
        ("sample", -1, "must not be negative"),
        ("sample", True, "must be int"),
        ("end", "tired", "must be one of"),
        ("source", None, "must be str"),
        ("time", "now", "must be float"),
    ],
)
def test_what_is_no_block(field: str, value: object, complaint: str) -> None:
    """Says which field and why."""
    assert complaint in refuses(Block.unpack, BLOCK.pack(), field, value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Never anything but a WireError."""
    only_wire_errors(Block.unpack, data)
