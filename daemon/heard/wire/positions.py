"""What flows back to `capture` through the `positions` pipe: which samples are done with, which wanted.

All of them may arrive twice or late: each states a fact about sample numbers, none a difference.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum

from heard.wire.codec import WireError, member, pack, take, unpack


class From(StrEnum):
    """Where a replay starts."""

    SETTLED = "settled"
    """At the oldest sample that is still pending: `upstream` lost what it held."""
    RECEIVED = "received"
    """At the first sample that `upstream` has not yet received: `denoise` lost what it held."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Samples `start` to `stop` (exclusive) are settled: a final turn covers them, or silence does.

    Sent by `publish`, after what they said has been published. `anchor` is the sample at which the
    last final ended.
    """

    source: str
    start: int
    stop: int
    anchor: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Samples `start` to `stop` (exclusive) were given up by `upstream`; `reason` goes to the ledger."""

    source: str
    start: int
    stop: int
    reason: str


@dataclass(frozen=True, slots=True)
class Received:
    """`upstream` holds every sample below `through` and has sent those below `sent`."""

    source: str
    through: int
    sent: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Send `source` (all where empty) again, from where `start` says."""

    source: str
    start: From


Position = Settled | Refused | Received | Replay

_NAMES: dict[type, str] = {
    Settled: "settled",
    Refused: "refused",
    Received: "received",
    Replay: "replay",
}


def pack_position(position: Position) -> bytes:
    """Return the message as one frame."""
    return pack({"kind": _NAMES[type(position)], **asdict(position)})


def unpack_position(data: bytes) -> Position:
    """Return the message that `data` holds.

    Raises:
        WireError: the bytes are no such message.
    """
    body = unpack(data)
    source = take(body, "source", str)
    match take(body, "kind", str):
        case "settled":
            return Settled(
                source, take(body, "start", int), take(body, "stop", int), take(body, "anchor", int)
            )
        case "refused":
            return Refused(
                source, take(body, "start", int), take(body, "stop", int), take(body, "reason", str)
            )
        case "received":
            return Received(source, take(body, "through", int), take(body, "sent", int))
        case "replay":
            return Replay(source, member(take(body, "start", str), "start", From))
        case kind:
            raise WireError(f"unknown kind {kind!r}")
