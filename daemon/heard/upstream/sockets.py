"""The connections of all sources: being made, open, watched for what arrives. A thin shell around epoll."""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import Protocol

from heard.upstream.backoff import Failure
from heard.upstream.connection import Connection, Incoming, Target
from heard.upstream.happenings import Action
from heard.upstream.key import Key


class Owner(Protocol):
    """Hears what becomes of the connections, by their numbers."""

    def reached(self, number: int) -> None:
        """Take note that the service is at the other end of a connection that is being made."""

    def connected(self, number: int) -> None:
        """Take note that a connection is open."""

    def failed(self, number: int, failure: Failure) -> None:
        """Take note that a connection could not be made."""

    def incoming(self, number: int, message: Incoming) -> None:
        """Take what arrived; a `Lost` is the last of all."""

    def released(self, number: int) -> None:
        """Forget a connection: nothing more comes of it."""


class Sockets:
    """Every connection of the process. `wake` and `descriptor` are to be watched: each names its method."""

    def __init__(self, owner: Owner) -> None:
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        """Readable once connecting has come to an end somewhere, or further: `take_over`."""
        self._owner = owner
        self._epoll = select.epoll()
        self._connecting: dict[int, Connection] = {}
        self._open: dict[int, Connection] = {}
        self._descriptors: dict[int, int] = {}

    @property
    def descriptor(self) -> int:
        """Readable when something arrived, or can be written again: `read`."""
        return self._epoll.fileno()

    def connect(self, number: int, target: Target, query: str, key: Key | None) -> None:
        """Begin to connect; never waits."""
        self._connecting[number] = Connection(target, query, key, self.wake)

    def perform(self, number: int, action: Action) -> None:
        """Do what a session asks; never waits."""
        connection = self._open.get(number)
        if connection is None:
            self.release(number)
            return
        connection.perform(action)
        self._watch(number)

    def has_room(self, number: int) -> bool:
        """Whether the peer reads what it is sent."""
        connection = self._open.get(number)
        return connection is not None and connection.has_room

    def take_over(self) -> None:
        """Take over the connections whose threads are done."""
        os.eventfd_read(self.wake)
        for number, connection in list(self._connecting.items()):
            outcome = connection.outcome
            if outcome is None:
                if connection.reached:
                    self._owner.reached(number)
                continue
            if self._connecting.pop(number, None) is None:
                # Let go of because of what another's end was.
                continue
            if isinstance(outcome, Failure):
                connection.release()
                self._owner.failed(number, outcome)
                self._owner.released(number)
                continue
            self._open[number] = connection
            self._descriptors[connection.descriptor] = number
            self._epoll.register(connection.descriptor, select.EPOLLIN)
            self._owner.connected(number)
            # Begin may have come with the last bytes of the handshake.
            self._receive(number)

    def read(self) -> None:
        """Read what arrived, and write what waits."""
        for descriptor, events in self._epoll.poll(0):
            number = self._descriptors.get(descriptor)
            if number is None:
                continue
            if events & select.EPOLLOUT:
                self._open[number].flush()
                self._watch(number)
            if events & ~select.EPOLLOUT:
                self._receive(number)

    def tick(self) -> None:
        """Read what a poll does not show, and let go of what is over."""
        for number, connection in list(self._open.items()):
            if connection.more():
                self._receive(number)
            if connection.closed or connection.over:
                self.release(number)

    def release(self, number: int) -> None:
        """Forget a connection, whatever its state."""
        connection = self._connecting.pop(number, None) or self._open.pop(number, None)
        self._owner.released(number)
        if connection is None:
            return
        for descriptor in [fd for fd, owner in self._descriptors.items() if owner == number]:
            del self._descriptors[descriptor]
            with suppress(OSError, ValueError):
                # Closing a socket takes it out of the epoll set already.
                self._epoll.unregister(descriptor)
        connection.release()

    def close(self) -> None:
        """Forget all of them."""
        for number in [*self._connecting, *self._open]:
            self.release(number)

    def _receive(self, number: int) -> None:
        connection = self._open.get(number)
        if connection is None:
            return
        for incoming in connection.receive():
            self._owner.incoming(number, incoming)

    def _watch(self, number: int) -> None:
        """Be told when the peer reads again, while something waits for it."""
        connection = self._open.get(number)
        if connection is None:
            return
        if connection.closed:
            self.release(number)
            return
        waits = select.EPOLLOUT if connection.unsent else 0
        self._epoll.modify(connection.descriptor, select.EPOLLIN | waits)
