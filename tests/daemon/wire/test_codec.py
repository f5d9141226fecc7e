"""Bytes become maps with text keys, or a WireError in one line."""

from enum import StrEnum

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.wire.codec import (
    MAX_MESSAGE_BYTES,
    Body,
    WireError,
    checked,
    member,
    pack,
    pack_around,
    pack_list,
    pack_pair,
    take,
    take_or,
    unpack,
    with_field,
)

from .golden import only_wire_errors

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), values, max_size=6))
def test_maps_come_back(body: Body) -> None:
    """Text as text, bytes as bytes."""
    assert unpack(pack(body)) == body


@settings(max_examples=30)
@given(
    st.lists(st.dictionaries(st.text(), values, max_size=40), max_size=20), st.dictionaries(st.text(), values)
)
def test_what_is_packed_already_is_not_decoded_to_be_sent(inner: list[Body], outer: Body) -> None:
    """A list of packed maps, each with one more field, inside another map: as if packed in one go."""
    grown = [{name: value for name, value in body.items() if name != "topic"} for body in inner]
    items = [with_field(pack(body), pack_pair("topic", "t")) for body in grown]
    outer.pop("list", None)
    assert unpack(pack_around(outer, "list", pack_list(items))) == {
        **outer,
        "list": [{**body, "topic": "t"} for body in grown],
    }


def test_a_map_of_any_size_takes_another_field() -> None:
    """Its count stands in one byte, in three, or in five."""
    for size in (0, 14, 15, 16, 65535, 65536):
        body: Body = {str(number): 0 for number in range(size)}
        assert msgpack.unpackb(with_field(msgpack.packb(body), pack_pair("x", 1))) == {**body, "x": 1}
    for wrong in (b"", msgpack.packb([1])):
        with pytest.raises(WireError, match="a map was expected"):
            with_field(wrong, pack_pair("x", 1))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    """Whatever a peer sends."""
    only_wire_errors(unpack, data)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not msgpack"),
        (b"\xc1", "not msgpack"),
        (pack({}) + b"x", "not msgpack"),
        (b"\x81\xa1a", "not msgpack"),
        (b"\x81\xa2\xff\xfe\x01", "not msgpack"),
        (b"\x91" * 5000 + b"\x90", "not msgpack"),
        (msgpack.packb([1]), "a map was expected, not list"),
        (msgpack.packb({1: 2}), "a map with text keys"),
        (b"\x81\x91\x01\x01", "not msgpack"),
        (bytes(MAX_MESSAGE_BYTES + 1), "at most 1048576 are read"),
    ],
)
def test_what_is_no_message(data: bytes, complaint: str) -> None:
    """Says what was wrong with it."""
    with pytest.raises(WireError, match=complaint):
        unpack(data)


def test_fields_are_checked() -> None:
    """A missing one, one of another type; an int is a float where that is asked, a bool is no number."""
    body: Body = {"n": 1, "f": 1.5, "b": True, "none": None}
    assert take(body, "n", float) == 1.0
    assert isinstance(take(body, "n", float), float)
    assert take_or(body, "none", int, 7) == take_or(body, "missing", int, 7) == 7
    assert checked([1], "x", list) == [1]
    for key, kind, complaint in (
        ("missing", int, "field 'missing' is missing"),
        ("f", int, "field 'f' must be int, not float"),
        ("b", int, "must be int, not bool"),
        ("b", float, "must be float, not bool"),
        ("n", bool, "must be bool, not int"),
        ("none", int, "must be int, not NoneType"),
    ):
        with pytest.raises(WireError, match=complaint):
            take(body, key, kind)


def test_members_are_checked() -> None:
    """The complaint lists those that there are."""

    class Colour(StrEnum):
        RED = "red"

    assert member("red", "colour", Colour) is Colour.RED
    with pytest.raises(WireError, match=r"field 'colour' must be one of \['red'\], not 'blue'"):
        member("blue", "colour", Colour)
