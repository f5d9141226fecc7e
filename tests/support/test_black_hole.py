from __future__ import annotations

import socket
import sys

import pytest

from . import black_hole
from .black_hole import Network, network
from .poll import until
from .processes import Child, started

KNOCK = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 80) as found:
    print("connected", flush=True)
    found.sendall(b"hello")
    print(found.recv(9).decode(), flush=True)
"""
WAIT_S = 30.0
WHILE_S = 0.7


def said(client: Child, words: str, server: socket.socket) -> None:
    """Wait for what a client has said so far, and answer what arrives."""

    def holds() -> bool:
        server.settimeout(0.01)
        try:
            peer, _ = server.accept()
        except TimeoutError:
            return client.printed().split() == words.split()
        with peer:
            peer.settimeout(WAIT_S)
            peer.sendall(peer.recv(9).upper())
        return client.printed().split() == words.split()

    until(holds, WAIT_S, client.tail())


def knocking(inside: Network, server: socket.socket) -> list[str]:
    """Return the command of a client inside that connects, says something and waits for the answer."""
    return [*inside.prefix, sys.executable, "-c", KNOCK, str(server.getsockname()[1])]


def test_a_network_can_be_made_or_it_is_said_why_not() -> None:
    """Nothing in between: a test that needs one has a reason to print."""
    why = black_hole.forbidden()
    if why is None:
        with network(90) as inside, socket.socket() as outside:
            # Bound and not listening: nobody else can have this port out here.
            outside.bind(("127.0.0.1", 0))
            port = outside.getsockname()[1]
            with inside.bound(port) as server:
                server.listen()
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), WAIT_S)
    else:
        black_hole.say(why, "the tests that need it say what stands in")
        with pytest.raises(RuntimeError), network(30) as inside, inside.listening() as server:
            inside.drop(server.getsockname()[1])


@pytest.mark.parametrize(("lost", "meanwhile"), [("all", ""), ("data", "connected")])
def test_what_is_dropped_is_lost_without_an_answer(lost: black_hole.Lost, meanwhile: str) -> None:
    """No refusal, no reset: silence, until it is over and the kernel says again what it said before."""
    if (why := black_hole.forbidden()) is not None:
        black_hole.say(why, "nothing is shown here")
        return
    with network(110) as inside, inside.listening() as server:
        inside.drop(server.getsockname()[1], lost)
        with started(knocking(inside, server), limit_s=100) as client:
            if meanwhile:
                until(lambda: client.printed().split() == [meanwhile], WAIT_S, client.tail())
            with pytest.raises(TimeoutError):
                until(
                    lambda: not client.running or client.printed().split() != meanwhile.split(), WHILE_S, ""
                )
            inside.heal()
            said(client, "connected HELLO", server)
