"""Requests and replies, pinned to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.codec import WireError, pack, unpack
from heard.wire.control import Code, ControlError, Reply, Request, read_code, request_id

from .golden import only_wire_errors, pinned, refuses


def test_golden_bytes_of_a_request() -> None:
    """Version, id, op and arguments; these may be left out."""
    request = Request(1, "mute", {"source": "mic"})
    pinned(
        request,
        request.pack(),
        Request.unpack,
        "84a17601a2696401a26f70a46d757465a46172677381a6736f75726365a36d6963",
    )
    assert Request.unpack(pack({"v": 1, "id": 1, "op": "status"})) == Request(1, "status", {})


@pytest.mark.parametrize(
    ("reply", "golden"),
    [
        (
            Reply("a", {"sources": {"mic": "muted"}}),
            "84a17601a26964a161a26f6bc3a6726573756c7481a7736f757263657381a36d6963a56d75746564",
        ),
        (
            Reply(None, None, Code.UNKNOWN_OP, "no"),
            "84a17601a26964c0a26f6bc2a56572726f7282a4636f6465aa756e6b6e6f776e2d6f70a76d657373616765a26e6f",
        ),
    ],
)
def test_golden_bytes_of_replies(reply: Reply, golden: str) -> None:
    """A result, and an error."""
    pinned(reply, reply.pack(), Reply.unpack, golden)


def test_a_reply_without_a_result_has_an_empty_one() -> None:
    """Clients need not look twice."""
    assert unpack(Reply(1).pack())["result"] == {}


def test_a_result_that_is_packed_already_is_sent_as_it_is() -> None:
    """The client sees no difference."""
    assert Reply(3, packed=pack({"more": False})).pack() == Reply(3, {"more": False}).pack()


def test_codes_of_later_versions_are_read_as_internal() -> None:
    """A client of today understands that something failed."""
    assert [read_code("bad-value"), read_code("too-funny")] == [Code.BAD_VALUE, Code.INTERNAL]
    reply = pack({"v": 1, "id": 1, "ok": False, "error": {"code": "too-funny", "message": "x"}})
    assert Reply.unpack(reply).code is Code.INTERNAL


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("v", 2, "protocol version 2: this daemon speaks 1"),
        ("v", "1", "must be int"),
        ("op", 5, "must be str"),
        ("args", [], "must be dict"),
    ],
)
def test_what_is_no_request(field: str, value: object, complaint: str) -> None:
    """Says which field and why."""
    assert complaint in refuses(Request.unpack, Request(1, "x", {}).pack(), field, value)


def test_an_id_that_cannot_be_mirrored_is_none() -> None:
    """Numbers and text can."""
    ids = [request_id({"id": value}) for value in (5, "five", 5.5, [5], None)]
    assert ids == [5, "five", None, None, None]


def test_what_is_no_reply() -> None:
    """A client sees a WireError as well."""
    for body in ({}, {"ok": True}, {"ok": False, "error": {}}, {"ok": 1, "result": {}}):
        with pytest.raises(WireError):
            Reply.unpack(pack(body))


def test_an_error_carries_code_and_text() -> None:
    """What a handler raises becomes the reply."""
    error = ControlError(Code.BAD_VALUE, "must be 1, not 2")
    assert (error.code, error.message, str(error)) == (Code.BAD_VALUE, "must be 1, not 2", "must be 1, not 2")


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Never anything but a WireError."""
    only_wire_errors(Request.unpack, data)
    only_wire_errors(Reply.unpack, data)
