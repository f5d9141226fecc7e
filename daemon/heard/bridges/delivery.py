"""Core: a final or a revision as it leaves heard: JSON, with a key by which a second arrival is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from heard_client import Final, Message, Revised

Kind = Literal["final", "revised"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message for a far side.

    key      the same whenever the same message is delivered: a final's `turn_id`; a revision of it has one
             of its own, which begins with it
    turn_id  of the turn
    kind     "final" or "revised"
    source   which source was heard
    run, seq the message's own numbers
    time     when heard published it; UTC, Unix seconds
    body     UTF-8 JSON: the map as it was published, and its `topic`
    """

    key: str
    turn_id: str
    kind: Kind
    source: str
    run: str
    seq: int
    time: float
    body: bytes


def delivery(message: Message) -> Delivery | None:
    """Return the delivery of a final or a revision, None for any other message."""
    match message:
        case Final():
            kind: Kind = "final"
            key = message.turn_id
        case Revised():
            kind = "revised"
            key = f"{message.turn_id}-revised-{message.run}-{message.seq}"
        case _:
            return None
    return Delivery(
        key=key,
        turn_id=message.turn_id,
        kind=kind,
        source=message.source,
        run=message.run,
        seq=message.seq,
        time=message.time,
        body=as_json(message),
    )


def as_json(message: Message) -> bytes:
    """Return any message as UTF-8 JSON: the map as it was published, and its `topic`."""
    body = {key: value for key, value in message.body.items() if not isinstance(value, bytes)}
    return json.dumps(body | {"topic": message.topic}, ensure_ascii=False).encode()
