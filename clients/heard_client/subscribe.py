"""`Subscriber`: what the daemon publishes, as an iterator of typed messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import zmq

from heard.wire.codec import WireError
from heard_client.connect import check_endpoint, find_endpoints
from heard_client.messages import Message, parse, split
from heard_client.sequences import Missed, Sequences

QUEUE_MESSAGES = 10_000
"""So many messages wait for a slow reader before ZeroMQ drops some."""


class Subscriber:
    """A subscription to the publish socket.

    endpoint   where the daemon publishes; None finds it as the daemon does (`find_endpoints`)
    topics     prefixes of topics, such as "transcript.final." or "level.mic"; all by default
    source     only messages about this source (and those about none, such as `status`)
    timeout_s  iteration ends when so long nothing arrived; None waits for ever
    on_missed  called with each hole in the sequence numbers, before the message behind it is returned

    The daemon need not run yet, and may be restarted: the subscription is made anew by itself. Messages
    published before it is in effect are not seen; `Control.history` has them.

    Not for use by several threads at once. Close it, or use it in a `with` block.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        topics: Iterable[str] = ("",),
        source: str | None = None,
        timeout_s: float | None = None,
        on_missed: Callable[[Missed], None] | None = None,
    ) -> None:
        self.endpoint = find_endpoints().transcripts if endpoint is None else check_endpoint(endpoint)
        self.missed: dict[str, int] = {}
        """How many messages never arrived, by full topic."""
        self.malformed = 0
        """How many messages were none of heard's."""
        self.unknown = 0
        """How many had a topic that this version does not know."""
        self._source = source
        self._timeout_s = timeout_s
        self._on_missed = on_missed
        self._sequences = Sequences()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        # All before connect: libzmq reads them there.
        self._socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        for topic in topics:
            self._socket.subscribe(_prefix(topic, source))
        self._socket.connect(self.endpoint)

    @property
    def run(self) -> str:
        """The run of the daemon that sent the newest message; empty before the first."""
        return self._sequences.run

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Return the next message, None when none arrives within `timeout_s` (None: wait for ever).

        What is not a message of heard is counted in `malformed` or `unknown`, and passed over.
        """
        while True:
            if not self._socket.poll(None if timeout_s is None else int(timeout_s * 1000)):
                return None
            message = self._read(self._socket.recv_multipart())
            if message is not None:
                return message

    def __iter__(self) -> Iterator[Message]:
        while (message := self.receive(self._timeout_s)) is not None:
            yield message

    def close(self) -> None:
        """End the subscription; may be called twice."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, frames: list[bytes]) -> Message | None:
        try:
            topic, data = frames
            message = parse(topic.decode(), data)
        except (ValueError, WireError):
            # Not two frames, a topic that is no text, or a body that is no message.
            self.malformed += 1
            return None
        if message is None:
            self.unknown += 1
            return None
        missed = self._sequences.take(message.topic, message.run, message.seq)
        if missed is not None:
            self.missed[missed.topic] = self.missed.get(missed.topic, 0) + missed.count
            if self._on_missed is not None:
                self._on_missed(missed)
        # Prefixes let `mic2` through where `mic` was asked.
        return None if self._source and message.source not in ("", self._source) else message


def _prefix(topic: str, source: str | None) -> str:
    """Return the narrowest prefix for `topic`: a topic's name is completed with the source."""
    whole = f"{topic.rstrip('.')}.{source}"
    return topic if source is None or split(whole) is None else whole
