"""What every message's test asks: these bytes and no others, and nothing but a WireError for the rest."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import pytest

from heard.wire.codec import WireError, pack, unpack

Message = TypeVar("Message")


def pinned(message: Message, packed: bytes, read: Callable[[bytes], Message], golden: str) -> None:
    """Check that `message` packs to the golden bytes and reads back; unknown fields are skipped."""
    assert packed.hex() == golden
    assert read(packed) == message
    assert read(pack({**unpack(packed), "field-of-a-later-version": [1, {"a": None}]})) == message


def refuses(read: Callable[[bytes], object], packed: bytes, field: str, value: object) -> str:
    """Check that the message with `field` replaced is refused; return the complaint."""
    with pytest.raises(WireError) as caught:
        read(pack({**unpack(packed), field: value}))
    return str(caught.value)


def only_wire_errors(read: Callable[[bytes], object], data: bytes) -> None:
    """Read what may be anything: any other error than a WireError fails the test."""
    with suppress(WireError):
        read(data)
