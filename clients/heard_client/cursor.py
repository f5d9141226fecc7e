"""Core: how far a subscriber has come, small enough to be kept with whatever it does with the messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from heard.wire.topics import Topic
from heard_client.messages import Message
from heard_client.parsing import split

KEPT = frozenset({Topic.FINAL, Topic.REVISED})
"""Topics that the daemon's journal keeps: what is missed of them can be had again."""


def is_kept(topic: str) -> bool:
    """Return whether the journal keeps the messages of a full topic."""
    known = split(topic)
    return known is not None and known[0] in KEPT


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last message of each topic that was handed over, for a subscriber that goes on from there later.

    run   id of the daemon's run; empty: nothing was handed over yet
    time  when the newest message of that run was published; UTC, Unix seconds
    seq   full topic of a final or a revision → its last number; of a topic not named, nothing
    """

    run: str = ""
    time: float = 0.0
    seq: Mapping[str, int] = field(default_factory=dict)

    def after(self, message: Message) -> Cursor:
        """Return the cursor behind `message`; one of a topic that is not kept changes nothing."""
        if not is_kept(message.topic):
            return self
        if message.run != self.run:
            return Cursor(message.run, message.time, {message.topic: message.seq})
        return Cursor(self.run, max(self.time, message.time), {**self.seq, message.topic: message.seq})

    def to_json(self) -> str:
        """Return the cursor as text for `from_json`."""
        return json.dumps({"run": self.run, "time": self.time, "seq": dict(self.seq)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the cursor that `to_json` wrote.

        Raises:
            ValueError: the text is no cursor.
        """
        match json.loads(text):
            case {"run": str(run), "time": int() | float() as time, "seq": dict(seq)} if all(
                isinstance(n, int) and not isinstance(n, bool) for n in seq.values()
            ):
                return cls(run, float(time), seq)
            case _:
                raise ValueError("not a cursor: a map of run, time and seq was expected")
