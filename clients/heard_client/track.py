"""Core: the messages of one topic and run, put in order by their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from heard_client.messages import Message
from heard_client.sequences import Missed, Reason


@dataclass(slots=True)
class Track:
    """What was handed over of a topic, and what waits behind a hole.

    topic, run  whose messages
    last        number of the last one that was handed over or given up
    known       the highest number that is known to have been published
    ending      the run is over: what it published last may have been missed unseen
    ended       … and is here now, or given up
    """

    topic: str
    run: str
    last: int
    known: int = 0
    ending: bool = False
    ended: bool = False
    _waiting: dict[int, Message] = field(default_factory=dict)

    @property
    def target(self) -> int:
        """The highest number that is to be handed over, as far as it is known."""
        return max(self.last, self.known, max(self._waiting, default=0))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.target == self.last and (self.ended or not self.ending)

    def add(self, message: Message) -> None:
        """Take a message in, unless it was here before."""
        if message.seq > self.last:
            self._waiting.setdefault(message.seq, message)

    def follows(self, seq: int) -> bool:
        """Whether message `seq` is the next one, and nothing behind it is known of."""
        return seq == self.last + 1 and self.known <= seq and not self._waiting and not self.ending

    def ready(self) -> Iterator[Message]:
        """Yield what can be handed over: the messages that follow without a hole."""
        while (message := self._waiting.pop(self.last + 1, None)) is not None:
            self.last += 1
            yield message

    def give_up(self, upto: int, reason: Reason) -> Iterator[Message | Missed]:
        """Yield what there is and what is missing up to number `upto`, and what follows without a hole."""
        yield from self.ready()
        while self.last < upto:
            following = min((seq for seq in self._waiting if seq <= upto), default=upto + 1)
            yield Missed(self.topic, self.run, self.last + 1, following - 1, reason)
            self.last = following - 1
            yield from self.ready()
