"""Core: what a subscriber has missed, told from the numbers of the messages that did arrive."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages `first` to `last` (inclusive) of one topic and run, which never arrived."""

    topic: str
    run: str
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many messages that are."""
        return self.last - self.first + 1


@dataclass(slots=True)
class Sequences:
    """The last sequence number of every topic.

    The publish socket drops silently for a slow subscriber; `seq` counts from 1 per full topic and run,
    so a hole in it is the only sign. What was published before the first message arrived at all does
    not count as missed; but once a run has been seen to follow another, its numbers are expected from 1.
    What the old run published last, after the last message that arrived, cannot be known.
    """

    run: str = ""
    """The run of the newest message."""
    _joined: str | None = None
    _last: dict[str, int] = field(default_factory=dict)

    def take(self, topic: str, run: str, seq: int) -> Missed | None:
        """Note that message `seq` of `topic` arrived; return what is missing before it.

        A number that is not above the last one (a message sent twice) changes nothing.
        """
        if self._joined is None:
            self._joined = run
        if run != self.run:
            self.run = run
            self._last.clear()
        last = self._last.get(topic)
        if last is None:
            last = seq - 1 if run == self._joined else 0
        if seq <= last:
            return None
        self._last[topic] = seq
        return Missed(topic, run, last + 1, seq - 1) if seq > last + 1 else None
