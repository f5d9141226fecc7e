"""`Subscriber`: what the daemon publishes, as an iterator of typed messages that leaves out no final."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

import zmq

from heard_client import sockets
from heard_client.cursor import Cursor
from heard_client.curve import Keys
from heard_client.feed import Feed
from heard_client.messages import Message
from heard_client.sequences import Missed

REPAIR_S = 10.0
FLOOD_S = 0.1
"""Messages that are not wanted hold a caller up for so much longer than it asked for, and not for ever."""


class Subscription:
    """What `Subscriber` and `AsyncSubscriber` have in common: all but the waiting."""

    def __init__(
        self,
        endpoint: str | None = None,
        *,
        control: str | None = None,
        topics: Iterable[str] = ("",),
        source: str | None = None,
        timeout_s: float | None = None,
        since: float | None = None,
        cursor: Cursor | None = None,
        keys: Keys | None = None,
        on_missed: Callable[[Missed], None] | None = None,
        repair_s: float = REPAIR_S,
    ) -> None:
        self.endpoint, control = sockets.places(endpoint, control, repair_s)
        self.missed: dict[str, int] = {}
        """How many messages never arrived, by full topic."""
        self._timeout_s = timeout_s
        self._on_missed = on_missed
        self._feed = Feed(
            topics, source, mends=control is not None, repair_s=repair_s, cursor=cursor, since=since
        )
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._control = self._context.socket(zmq.DEALER)
        self._poller = zmq.Poller()
        self._wait_ms = -1
        sockets.subscribe(self._socket, self.endpoint, self._feed.subscriptions, keys)
        self._poller.register(self._socket, zmq.POLLIN)
        if control is not None:
            sockets.ask(self._control, control, queue=False, keys=keys)
            self._poller.register(self._control, zmq.POLLIN)

    @property
    def run(self) -> str:
        """The run of the daemon that sent the newest message; empty before the first."""
        return self._feed.run

    @property
    def cursor(self) -> Cursor:
        """Where to go on later: behind all messages that were handed over so far.

        Kept with what was made of the messages, and given to the next `Subscriber`, it makes the two of them
        hand over every final at least once, and exactly once where this one was not stopped in between.
        """
        return self._feed.cursor

    @property
    def malformed(self) -> int:
        """How many messages were none of heard's."""
        return self._feed.malformed

    @property
    def unknown(self) -> int:
        """How many had a topic that this version does not know."""
        return self._feed.unknown

    def close(self) -> None:
        """End the subscription; may be called twice."""
        self._socket.close()
        self._control.close()
        self._context.term()

    def _next(self) -> Message | None:
        """Return what is to be handed over next; holes before it are told."""
        while (thing := self._feed.next()) is not None:
            if isinstance(thing, Message):
                return thing
            self.missed[thing.topic] = self.missed.get(thing.topic, 0) + thing.count
            if self._on_missed is not None:
                self._on_missed(thing)
        return None

    def _ask(self, now: float) -> bool:
        """Send the requests that are due; return whether there is something to hand over since then."""
        if not self._feed.is_asking:
            return False
        for number, request in self._feed.requests(now):
            try:
                self._control.send(request, zmq.NOBLOCK)
            except zmq.Again:
                self._feed.unsent(number, now)
        return self._feed.is_ready

    def _wait_s(self, now: float, deadline: float | None) -> float | None:
        """Return how long to wait for something to arrive, None for as long as it takes."""
        wait_s = self._feed.wait_s(now)
        if deadline is None:
            return wait_s
        left_s = max(0.0, deadline - now)
        return left_s if wait_s is None else min(wait_s, left_s)

    @staticmethod
    def _is_over(now: float, deadline: float | None, *, arrived: bool) -> bool:
        """Return whether the caller has waited enough: what is here already is still looked at."""
        return deadline is not None and now >= deadline + (FLOOD_S if arrived else 0.0)

    def _take(self, arrived: dict[object, int]) -> None:
        """Take in what a poll has found."""
        now = time.monotonic()
        if self._socket in arrived:
            self._feed.published(self._socket.recv_multipart(), now)
        if self._control in arrived:
            self._feed.replied(self._control.recv_multipart(), now)


class Subscriber(Subscription):
    """A subscription to the publish socket.

    Every final (and revision) that is asked for by `topics` is handed over exactly once and, for each source,
    in the order in which it was published. What the socket dropped, because this program was slow or
    stopped, because the daemon was restarted, or before this subscription began (`since`, `cursor`), is
    fetched from the daemon's journal over the control socket. What cannot be had is told to `on_missed`,
    before the message behind it. All else (partials, levels, events) comes as it arrives, and may be missed.

    endpoint   where the daemon publishes; None finds it as the daemon does (`find_endpoints`)
    control    the control socket; None finds it likewise, but only where `endpoint` is None too: another
               daemon must not be asked. Without it nothing is fetched
    topics     prefixes of topics, such as "transcript.final." or "level.mic"; all by default
    source     only messages about this source (and those about none, such as `status`)
    timeout_s  iteration ends when so long nothing was handed over; None waits for ever
    since      begin with what was said since then; UTC, Unix seconds
    cursor     begin behind what an earlier subscriber handed over (its `cursor`); an empty one, as in a
               first start, counts for nothing
    keys       for tcp://; None are those that are configured (`heard_client.curve`)
    on_missed  called with each hole that stays one
    repair_s   how long a hole is tried to be mended, while later finals of its source wait; 0: never

    The daemon need not run yet, and may be restarted: the subscription is made anew by itself.

    Not for use by several threads at once. Close it, or use it in a `with` block.
    """

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Return the next message, None when none is there within `timeout_s` (None: wait for ever).

        What is not a message of heard is counted in `malformed` or `unknown`, and passed over.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (message := self._next()) is None:
            now = time.monotonic()
            if self._ask(now):
                continue
            wait_s = self._wait_s(now, deadline)
            # Rounded up: a wait that ends too early would spin.
            wait_ms = -1 if wait_s is None else math.ceil(wait_s * 1000)
            if self._feed.is_asking:
                arrived = dict(self._poller.poll(wait_ms))
                self._take(arrived)
                is_there = bool(arrived)
            else:
                frames = self._receive(wait_ms)
                if frames is not None:
                    if (message := self._feed.direct(frames)) is not None:
                        return message
                    self._feed.published(frames, time.monotonic())
                is_there = frames is not None
            if self._is_over(now, deadline, arrived=is_there):
                return self._next()
        return message

    def _receive(self, wait_ms: int) -> list[bytes] | None:
        """Return what is published within that time: one call where there is but one socket to wait for."""
        if wait_ms != self._wait_ms:
            self._socket.setsockopt(zmq.RCVTIMEO, wait_ms)
            self._wait_ms = wait_ms
        try:
            return self._socket.recv_multipart()
        except zmq.Again:
            return None

    def __iter__(self) -> Iterator[Message]:
        while (message := self.receive(self._timeout_s)) is not None:
            yield message

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
