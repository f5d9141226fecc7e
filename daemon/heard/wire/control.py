"""Requests and replies of the control socket (docs/wire.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from heard.wire import PROTOCOL
from heard.wire.codec import Body, WireError, pack, pack_around, take, take_or, unpack


class Code(StrEnum):
    """Why a request failed."""

    BAD_REQUEST = "bad-request"
    UNKNOWN_OP = "unknown-op"
    UNKNOWN_SOURCE = "unknown-source"
    BAD_VALUE = "bad-value"
    NOT_AVAILABLE = "not-available"
    TOO_LARGE = "too-large"
    INTERNAL = "internal"


def read_code(text: str) -> Code:
    """Return the code that `text` names; `internal` for one that a later version may have added."""
    try:
        return Code(text)
    except ValueError:
        return Code.INTERNAL


Id = int | str | None
"""A request's id, chosen by the client; None where none could be read."""


class ControlError(Exception):
    """A request that gets an error reply: `code` and a text that says what would be right."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Request:
    """One request: what to do and with what."""

    id: Id
    op: str
    args: Body

    def pack(self) -> bytes:
        """Return the request as one frame."""
        return pack({"v": PROTOCOL, "id": self.id, "op": self.op, "args": self.args})

    @classmethod
    def unpack(cls, data: bytes) -> Request:
        """Return the request that `data` holds; `args` may be missing.

        Raises:
            WireError: the bytes are no request of this protocol version.
        """
        body = unpack(data)
        if (version := take(body, "v", int)) != PROTOCOL:
            raise WireError(f"protocol version {version}: this daemon speaks {PROTOCOL}")
        return cls(request_id(body), take(body, "op", str), take_or(body, "args", dict, {}))


def request_id(body: Body) -> Id:
    """Return the id of a decoded request, None where there is none that can be mirrored."""
    value = body.get("id")
    return value if isinstance(value, int | str) else None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: `result`, or `error` and its code.

    `packed` stands for a result that is msgpack already; `unpack` never gives one.
    """

    id: Id
    result: Body | None = None
    code: Code | None = None
    message: str = ""
    packed: bytes = b""

    def pack(self) -> bytes:
        """Return the reply as one frame."""
        if self.code is not None:
            error = {"code": str(self.code), "message": self.message}
            return pack({"v": PROTOCOL, "id": self.id, "ok": False, "error": error})
        head = {"v": PROTOCOL, "id": self.id, "ok": True}
        return pack_around(head, "result", self.packed or pack(self.result or {}))

    @classmethod
    def unpack(cls, data: bytes) -> Reply:
        """Return the reply that `data` holds.

        Raises:
            WireError: the bytes are no reply. An unknown error code is read as `internal`.
        """
        body = unpack(data)
        if take(body, "ok", bool):
            return cls(request_id(body), take(body, "result", dict))
        error = take(body, "error", dict)
        message = take_or(error, "message", str, "")
        return cls(request_id(body), None, read_code(take(error, "code", str)), message)
