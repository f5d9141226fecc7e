"""Maps to bytes and back (msgpack), and the checks that every decoder of this package shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

import msgpack

MAX_MESSAGE_BYTES = 1 << 20
"""A message of more bytes than this is refused unread."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

Body = dict[str, object]
"""A decoded message: a map with text keys."""


class WireError(ValueError):
    """A peer sent bytes that are no message of ours; the text says what was wrong."""


def pack(body: Mapping[str, object]) -> bytes:
    """Return `body` as msgpack, text as str and bytes as bin."""
    packed: bytes = msgpack.packb(body, use_bin_type=True)
    return packed


def pack_around(body: Mapping[str, object], name: str, packed: bytes) -> bytes:
    """Return `body` as msgpack with one more field, whose value is msgpack already and not decoded."""
    fields = b"".join(pack_pair(*pair) for pair in body.items())
    return _map_head(len(body) + 1) + fields + pack_pair(name, None)[:-1] + packed


def pack_pair(name: str, value: object) -> bytes:
    """Return a field as it stands in a packed map."""
    key: bytes = msgpack.packb(name)
    return key + msgpack.packb(value, use_bin_type=True)


def pack_list(packed: Sequence[bytes]) -> bytes:
    """Return the list of values that are msgpack already."""
    head: bytes = msgpack.Packer().pack_array_header(len(packed))
    return head + b"".join(packed)


def with_field(packed: bytes, pair: bytes) -> bytes:
    """Return a packed map with one more field (see `pack_pair`) at its end; the rest is not decoded.

    Raises:
        WireError: `packed` does not begin like a map.
    """
    kind = packed[0] if packed else 0
    if kind & 0xF0 == 0x80:
        count, begin = kind & 0x0F, 1
    elif kind == 0xDE:
        count, begin = int.from_bytes(packed[1:3], "big"), 3
    elif kind == 0xDF:
        count, begin = int.from_bytes(packed[1:5], "big"), 5
    else:
        raise WireError("a map was expected")
    return b"".join((_map_head(count + 1), packed[begin:], pair))


def _map_head(count: int) -> bytes:
    """Return what a map of so many fields begins with (msgpack's fixmap, map 16 and map 32)."""
    # A Packer does the same, but gets itself a megabyte of memory for it each time.
    if count < 16:
        return bytes((0x80 | count,))
    if count < 1 << 16:
        return b"\xde" + count.to_bytes(2, "big")
    return b"\xdf" + count.to_bytes(4, "big")


def unpack(data: bytes) -> Body:
    """Return the map that `data` holds.

    Raises:
        WireError: `data` is too large, is not msgpack, has bytes behind it, or is no map with text keys.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes: at most {MAX_MESSAGE_BYTES} are read")
    try:
        body = msgpack.unpackb(data, raw=False, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        # msgpack's own errors derive from ValueError or UnpackException; the text may be empty.
        raise WireError(f"not msgpack: {error or type(error).__name__}") from None
    if not isinstance(body, dict):
        raise WireError(f"a map was expected, not {type(body).__name__}")
    if not {*map(type, body)} <= {str}:
        raise WireError("a map with text keys was expected")
    return body


def take(body: Mapping[str, object], key: str, kind: type[T]) -> T:
    """Return `body[key]`, which must be of `kind`; an int is accepted where float is asked.

    Raises:
        WireError: the field is missing or of another type.
    """
    if key not in body:
        raise WireError(f"field {key!r} is missing")
    return checked(body[key], key, kind)


def take_or(body: Mapping[str, object], key: str, kind: type[T], default: T) -> T:
    """Return `body[key]` like `take`, or `default` where the field is missing or nil."""
    value = body.get(key)
    return default if value is None else checked(value, key, kind)


def checked(value: object, key: str, kind: type[T]) -> T:
    """Return `value` as `kind`; `key` names it in the error.

    Raises:
        WireError: it is of another type (a bool is never taken for a number).
    """
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)  # type: ignore[return-value]  # T is float in this branch
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WireError(f"field {key!r} must be {kind.__name__}, not {type(value).__name__}")
    return value


def member(value: str, key: str, kind: type[E]) -> E:
    """Return the member of `kind` that `value` names; `key` names the field in the error.

    Raises:
        WireError: it names none.
    """
    try:
        return kind(value)
    except ValueError:
        raise WireError(
            f"field {key!r} must be one of {[str(each) for each in kind]}, not {value!r}"
        ) from None
