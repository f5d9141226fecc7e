"""What a stage and `supervise` tell each other (pipe `reports`, ROUTER at `supervise`).

A stage sends a `Report` several times a second and at every change of state, and answers each
`Order` with one `Answer`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from heard.wire.codec import Body, WireError, checked, member, pack, take, take_or, unpack
from heard.wire.control import Code, read_code

T = TypeVar("T")


class StageState(StrEnum):
    """What a stage says of itself; the other process states are for `supervise` to know."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Report:
    """A stage's part of the status.

    `sources` maps a source's name to the part of its status that this stage knows (see
    `heard.wire.status`); `own` holds what belongs to no source (`publish`: published, journal_rows, seq), or
    is for supervise alone: `at`, by source, up to which sample it was passed on (`denoise`, `upstream`), and
    `sent` (`upstream`).
    `counters` are losses and errors that the status shows under the process. `faults` are what it works
    around at the moment: {`what`, `detail`, `since`} each.
    """

    process: str
    pid: int
    state: StageState
    sources: dict[str, Body] = field(default_factory=dict)
    own: Body = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    faults: list[Body] = field(default_factory=list)

    def pack(self) -> bytes:
        """Return the report as one frame."""
        return pack(
            {
                "kind": "report",
                "process": self.process,
                "pid": self.pid,
                "state": str(self.state),
                "sources": self.sources,
                "own": self.own,
                "counters": self.counters,
                "faults": self.faults,
            }
        )


@dataclass(frozen=True, slots=True)
class Order:
    """`supervise` asks a stage to do `op`; `source` "" means all. `number` is mirrored in the answer."""

    number: int
    op: str
    source: str = ""
    args: Body = field(default_factory=dict)

    def pack(self) -> bytes:
        """Return the order as one frame."""
        return pack({"number": self.number, "op": self.op, "source": self.source, "args": self.args})

    @classmethod
    def unpack(cls, data: bytes) -> Order:
        """Return the order that `data` holds.

        Raises:
            WireError: the bytes are no order.
        """
        body = unpack(data)
        return cls(
            take(body, "number", int),
            take(body, "op", str),
            take_or(body, "source", str, ""),
            take_or(body, "args", dict, {}),
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: `result`, or an error `code` with its `message`.

    `packed` is a result that is msgpack already: supervise hands it on without decoding it.
    """

    number: int
    result: Body = field(default_factory=dict)
    code: Code | None = None
    message: str = ""
    packed: bytes = b""

    def pack(self) -> bytes:
        """Return the answer as one frame."""
        return pack(
            {
                "kind": "answer",
                "number": self.number,
                "result": self.result,
                "code": None if self.code is None else str(self.code),
                "message": self.message,
            }
            | ({"packed": self.packed} if self.packed else {})
        )


def unpack_from_stage(data: bytes) -> Report | Answer:
    """Return what a stage sent.

    Raises:
        WireError: the bytes are neither a report nor an answer.
    """
    body = unpack(data)
    match take(body, "kind", str):
        case "report":
            return Report(
                take(body, "process", str),
                take(body, "pid", int),
                member(take(body, "state", str), "state", StageState),
                _by_name(body, "sources", _part),
                take_or(body, "own", dict, {}),
                _by_name(body, "counters", lambda count: checked(count, "counters", int)),
                [checked(each, "faults", dict) for each in take_or(body, "faults", list, [])],
            )
        case "answer":
            code = take_or(body, "code", str, "")
            return Answer(
                take(body, "number", int),
                take_or(body, "result", dict, {}),
                read_code(code) if code else None,
                take_or(body, "message", str, ""),
                take_or(body, "packed", bytes, b""),
            )
        case kind:
            raise WireError(f"unknown kind {kind!r}")


def _by_name(body: Body, key: str, read: Callable[[object], T]) -> dict[str, T]:
    """Return the map under `key`, its keys text and its values read."""
    return {checked(name, key, str): read(value) for name, value in take_or(body, key, dict, {}).items()}


def _part(value: object) -> Body:
    """Return a stage's part of a source's status: what supervise itself goes by is as it must be."""
    part = checked(value, "sources", dict)
    for key, kind in (("state", str), ("denoise", dict), ("latency_ms", dict)):
        if key in part:
            checked(part[key], key, kind)
    if "upstream" in part:
        take(checked(part["upstream"], "upstream", dict), "state", str)
    if "ledger" in part:
        ledger = checked(part["ledger"], "ledger", dict)
        for key in ("captured", "delivered", "pending", "muted"):
            take(ledger, key, int)
        for key in ("dropped", "gaps"):
            _by_name(ledger, key, lambda count: checked(count, "ledger", int))
            take(ledger, key, dict)
    return part
