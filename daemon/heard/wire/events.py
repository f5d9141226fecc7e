"""What a stage asks `publish` to publish (pipe `events`), and the answer (pipe `acks`)."""

from __future__ import annotations

from dataclasses import dataclass

from heard.wire.codec import Body, WireError, checked, member, pack, take, take_or, unpack
from heard.wire.topics import Topic


@dataclass(frozen=True, slots=True)
class Settlement:
    """Samples `start` to `stop` (exclusive) that are settled once the event is published.

    `anchor` is the sample at which the last final ended, this event's own included.
    """

    start: int
    stop: int
    anchor: int


@dataclass(frozen=True, slots=True)
class Event:
    """A message for the publish socket, without what only `publish` can add (v, run, seq, time).

    `topic` None: nothing is published, the event only settles samples.

    An event with a `number` above 0 is kept by its sender until `publish` acknowledges it, and sent
    again to a new `publish`; numbers count up from 1 per sender. Number 0 may be lost.

    `spoken_at` and `received_at` (UTC; transcripts only) are when the last word ended and when the
    service's answer arrived: `publish` completes `latency_ms` with them.
    """

    topic: Topic | None
    source: str
    body: Body
    number: int = 0
    settles: Settlement | None = None
    spoken_at: float = 0.0
    received_at: float = 0.0

    def pack(self) -> bytes:
        """Return the event as one frame."""
        settles = self.settles
        return pack(
            {
                "topic": None if self.topic is None else str(self.topic),
                "source": self.source,
                "body": self.body,
                "number": self.number,
                "settles": settles and [settles.start, settles.stop, settles.anchor],
                "spoken_at": self.spoken_at,
                "received_at": self.received_at,
            }
        )

    @classmethod
    def unpack(cls, data: bytes) -> Event:
        """Return the event that `data` holds.

        Raises:
            WireError: the bytes are no event.
        """
        body = unpack(data)
        topic = take_or(body, "topic", str, "")
        inner = take(body, "body", dict)
        settles = body.get("settles")
        settlement = None
        if settles is not None:
            numbers = [checked(n, "settles", int) for n in checked(settles, "settles", list)]
            if len(numbers) != 3:
                raise WireError("field 'settles' must hold three numbers")
            settlement = Settlement(*numbers)
        return cls(
            topic=member(topic, "topic", Topic) if topic else None,
            source=take(body, "source", str),
            body=inner,
            number=take_or(body, "number", int, 0),
            settles=settlement,
            spoken_at=take_or(body, "spoken_at", float, 0.0),
            received_at=take_or(body, "received_at", float, 0.0),
        )


@dataclass(frozen=True, slots=True)
class Ack:
    """`publish` has published (and journalled) every event up to `number`.

    `fresh`: this `publish` has just started and has nothing: send all that is unacknowledged again.
    """

    number: int
    fresh: bool = False

    def pack(self) -> bytes:
        """Return the acknowledgement as one frame."""
        return pack({"number": self.number, "fresh": self.fresh})

    @classmethod
    def unpack(cls, data: bytes) -> Ack:
        """Return the acknowledgement that `data` holds.

        Raises:
            WireError: the bytes are no acknowledgement.
        """
        body = unpack(data)
        return cls(take(body, "number", int), take_or(body, "fresh", bool, default=False))
