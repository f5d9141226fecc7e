"""Core: the `seq` of each message, counted from 1 per full topic and run.

A number is written down before its message is sent. A process killed in between has used the number
up: no number is ever given to two messages, and a number that a subscriber does not see means that a
message may have been lost.
"""

from __future__ import annotations

from collections.abc import Iterable

from heard.publish.slots import Slots, Write
from heard.wire.topics import Topic

KIND = "sequence"
SLOT_BYTES = 64
_PAYLOAD_BYTES = 6


class Sequence:
    """The last number given, by full topic; 6 bytes hold 280 million million of them."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._last = {topic: int.from_bytes(data, "little") for topic, data in slots.items().items()}
        self.total = sum(self._last.values())
        """How many numbers were given in this run, over all topics."""

    def next(self, topic: str) -> tuple[int, Write]:
        """Return the number of the next message on `topic`, and what must be written before it is sent.

        Raises:
            WireError: the topic is longer than the longest source name allows.
        """
        seq = self._last.get(topic, 0) + 1
        write = self._slots.put(topic, seq.to_bytes(_PAYLOAD_BYTES, "little"))
        self._last[topic] = seq
        self.total += 1
        return seq, write

    def last(self, topics: Iterable[Topic]) -> dict[str, int]:
        """Return the newest number of each full topic that begins with one of `topics`."""
        prefixes = tuple(f"{topic}." for topic in topics)
        return {name: seq for name, seq in self._last.items() if name.startswith(prefixes)}
