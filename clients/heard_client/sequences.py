"""Core: what a subscriber has missed, told from the numbers of the messages that did arrive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["not-kept", "no-control", "no-journal", "no-answer", "not-in-journal"]
"""Why missed messages stay missed.

not-kept        nobody keeps them: levels, partials, audio, events, the status
no-control      this subscriber has no control socket to ask, or was told not to
no-journal      the daemon keeps no journal, or cannot read it
no-answer       the daemon did not answer in time
not-in-journal  the journal does not have them: too old, forgotten, or a number that a process that was
                killed had taken for nothing
"""


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages `first` to `last` (inclusive) of one topic and run, which never arrived.

    `last` is None where the run ended unseen: there may be any number of them, or none.
    """

    topic: str
    run: str
    first: int
    last: int | None
    reason: Reason = "not-kept"

    @property
    def count(self) -> int:
        """How many messages that are, as far as it is known."""
        return 0 if self.last is None else self.last - self.first + 1

    def __str__(self) -> str:
        numbers = "an unknown number" if self.last is None else str(self.count)
        return f"{self.topic}: {numbers} missed from number {self.first} of run {self.run} on: {self.reason}"


@dataclass(slots=True)
class Sequences:
    """The last sequence number of every topic.

    The publish socket drops silently for a slow subscriber; `seq` counts from 1 per full topic and run,
    so a hole in it is the only sign. What was published before the first message arrived at all does
    not count as missed; but once a run has been seen to follow another, its numbers are expected from 1.
    What the old run published last, after the last message that arrived, cannot be known here; see
    `heard_client.ordering` for messages that the journal keeps.
    """

    run: str = ""
    """The run of the newest message."""
    _joined: str | None = None
    _last: dict[str, int] = field(default_factory=dict)

    def take(self, topic: str, run: str, seq: int, reason: Reason = "not-kept") -> Missed | None:
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
        return Missed(topic, run, last + 1, seq - 1, reason) if seq > last + 1 else None
