"""The control socket and who may come in."""

from __future__ import annotations

import logging

import zmq

from heard.guard import Guard
from heard.pipes import Pipes, endpoint_of
from heard.settings import Settings

log = logging.getLogger(__name__)

LAST_WORDS_S = 0.5
"""So long a client that is to be cut off may keep the socket open by a request that takes its time."""


class Door:
    """The control socket of `settings`, polled by `poller`.

    `listener` is the descriptor of a socket that listens there already (socket activation).

    Raises:
        EndpointTakenError: the port of a tcp:// endpoint is taken, or is not this machine's.
        KeysUnusableError: a key that tcp:// needs cannot be used.
    """

    def __init__(self, settings: Settings, pipes: Pipes, poller: zmq.Poller, *, listener: int | None) -> None:
        self._pipes = pipes
        self._poller = poller
        self._guard = Guard(settings)
        self._shut_by: float | None = None
        self.socket = pipes.control_router(settings.control.endpoint, self._guard, listener=listener)
        """Changes where somebody is cut off."""
        poller.register(self.socket, zmq.POLLIN)
        if settings.control.endpoint.startswith("tcp://"):
            log.info("the control socket is %s", endpoint_of(self.socket))

    def reload(self, now: float) -> None:
        """Read the allow-list again; `tick` cuts off whose key is there no more."""
        if self._guard.reload():
            self._shut_by = now + LAST_WORDS_S

    def tick(self, now: float, *, waiting: bool) -> None:
        """Open the socket anew where that is due. `waiting`: requests are still to be answered."""
        if self._shut_by is None or (waiting and now < self._shut_by):
            return
        self._shut_by = None
        before = self.socket
        self._poller.unregister(before)
        self.socket = self._pipes.control_router(endpoint_of(before), self._guard, instead_of=before)
        self._poller.register(self.socket, zmq.POLLIN)

    def refused(self) -> int:
        """Return how many peers were turned away so far."""
        return self._guard.refused()
