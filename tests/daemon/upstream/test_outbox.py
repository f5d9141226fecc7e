"""Numbered events until they are acknowledged."""

from heard.upstream.outbox import Outbox
from heard.wire.events import Ack, Event
from heard.wire.topics import Topic


class Pipe:
    """Takes messages while it has room."""

    def __init__(self) -> None:
        self.room = 1000
        self.sent: list[int] = []

    def __call__(self, message: bytes) -> bool:
        """Take a message, if there is room."""
        if not self.room:
            return False
        self.room -= 1
        self.sent.append(Event.unpack(message).number)
        return True


EVENT = Event(Topic.FINAL, "mic", {"text": "a"})


def test_events_are_numbered_sent_once_and_kept() -> None:
    """Until an acknowledgement covers them."""
    pipe = Pipe()
    outbox = Outbox(100, pipe)
    for _ in range(3):
        outbox.keep(EVENT)
    assert pipe.sent == [100, 101, 102]
    outbox.acknowledged(Ack(101))
    outbox.flush()
    assert outbox.unacknowledged == 1
    assert pipe.sent == [100, 101, 102]


def test_a_fresh_publish_gets_all_that_is_kept() -> None:
    """In order."""
    pipe = Pipe()
    outbox = Outbox(1, pipe)
    for _ in range(3):
        outbox.keep(EVENT)
    outbox.acknowledged(Ack(1))
    outbox.acknowledged(Ack(0, fresh=True))
    assert pipe.sent == [1, 2, 3, 2, 3]


def test_a_full_pipe_loses_only_what_may_be_lost() -> None:
    """What matters waits, in order; what may be lost is counted, and never overtakes."""
    pipe = Pipe()
    pipe.room = 1
    outbox = Outbox(1, pipe)
    outbox.keep(EVENT)
    outbox.keep(EVENT)
    outbox.offer(EVENT)
    assert outbox.lost == 1
    pipe.room = 5
    outbox.offer(EVENT)
    assert pipe.sent == [1, 2, 0]


def test_an_acknowledgement_may_overtake_what_was_not_sent_again() -> None:
    """Numbers decide, not what this side believes to be sent."""
    pipe = Pipe()
    outbox = Outbox(1, pipe)
    for _ in range(3):
        outbox.keep(EVENT)
    pipe.room = 0
    outbox.acknowledged(Ack(0, fresh=True))
    outbox.acknowledged(Ack(3))
    pipe.room = 9
    outbox.flush()
    assert pipe.sent == [1, 2, 3]
    assert outbox.unacknowledged == 0
