"""The sockets of a client, made in one place: what holds for all of them is set here, before they connect."""

from __future__ import annotations

import zmq

from heard_client.connect import check_endpoint, find_endpoints
from heard_client.curve import Keys, secure, unheard
from heard_client.errors import NoReplyError

QUEUE_MESSAGES = 10_000
"""So many messages wait for a slow reader before ZeroMQ drops some."""
RECONNECT_MS = 50
RECONNECT_MAX_MS = 1000


def places(endpoint: str | None, control: str | None, repair_s: float) -> tuple[str, str | None]:
    """Return where a subscription connects: the publish socket, and the control socket where it is to ask.

    Raises:
        EndpointError: an address cannot be used.
    """
    if endpoint is None:
        found = find_endpoints(control)
        return found.transcripts, found.control if repair_s > 0 else None
    if control is not None:
        check_endpoint(control)
    return check_endpoint(endpoint), control if repair_s > 0 else None


def subscribe(
    socket: zmq.Socket[bytes], endpoint: str, prefixes: list[str], keys: Keys | None = None
) -> None:
    """Connect a SUB socket to the publish socket at `endpoint`."""
    # All before connect: libzmq reads them there.
    socket.setsockopt(zmq.RCVHWM, QUEUE_MESSAGES)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
    _connect(socket, endpoint, keys)


def ask(socket: zmq.Socket[bytes], endpoint: str, *, queue: bool = True, keys: Keys | None = None) -> None:
    """Connect a DEALER socket to the control socket at `endpoint`.

    queue: whether a request waits for a daemon that is not there; else sending it fails at once.
    """
    if not queue:
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    _connect(socket, endpoint, keys)


def request(socket: zmq.Socket[bytes], endpoint: str, data: bytes) -> None:
    """Send a request; it waits in the socket for a daemon that is not there.

    Raises:
        NoReplyError: the daemon has turned this client away (tcp://): libzmq would wait for ever.
    """
    try:
        socket.send(data, zmq.NOBLOCK)
    except zmq.Again:
        text = f"{endpoint}: the daemon takes no requests of this client{unheard(endpoint)}"
        raise NoReplyError(text) from None


def descriptor(socket: zmq.Socket[bytes]) -> int:
    """Return the descriptor that becomes readable when something has changed at `socket`."""
    number = socket.getsockopt(zmq.FD)
    assert isinstance(number, int), "that is this option's type"
    return number


def _connect(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None) -> None:
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    secure(socket, endpoint, keys)
    socket.connect(endpoint)
