from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from .poll import until
from .proxy import Proxy, Way, proxy

LIMIT_S = 30.0


class Echo:
    """A server that sends back what it is sent, and remembers it."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.resets = 0
        self.ends = 0
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(65536):
                self.heard += data
                connection.sendall(data)
            self.ends += 1
        except OSError:
            self.resets += 1
        connection.close()

    def close(self) -> None:
        """End every connection."""
        for each in (self.listener, *self.connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture(name="echo")
def _echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture(name="between")
def _between(echo: Echo) -> Iterator[Proxy]:
    with proxy(echo.url) as running:
        yield running


def connected(between: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", between.port), LIMIT_S)
    client.settimeout(LIMIT_S)
    return client


def exchange(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    back = b""
    while len(back) < len(data):
        back += client.recv(65536)
    return back


def hears_nothing(client: socket.socket) -> bool:
    client.settimeout(0.2)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    return False


def test_it_passes_everything_on_in_order(echo: Echo, between: Proxy) -> None:
    """Also more than it holds at once; the end of the stream comes through as such."""
    data = bytes(range(256)) * 8192
    back = bytearray()
    with connected(between) as client:
        reader = threading.Thread(target=lambda: back.extend(_all_of(client)))
        reader.start()
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        reader.join(LIMIT_S)
    assert bytes(back) == bytes(echo.heard) == data


def _all_of(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_the_url_through_it_differs_by_the_port_alone(echo: Echo, between: Proxy) -> None:
    """Path and scheme stay."""
    assert between.through(f"{echo.url}v3/ws") == f"ws://127.0.0.1:{between.port}/v3/ws"


def test_a_cut_is_a_reset_at_both_ends(echo: Echo, between: Proxy) -> None:
    """New connections are taken as before."""
    with connected(between) as client:
        assert exchange(client, b"one") == b"one"
        between.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    until(lambda: echo.resets == 1, LIMIT_S, "the server's reset")
    with connected(between) as client:
        assert exchange(client, b"two") == b"two"
    assert between.accepted == 2


def test_refusing_keeps_the_port(between: Proxy) -> None:
    """Connecting is refused, what is connected goes on, and after healing the same port answers."""
    with connected(between) as client:
        assert exchange(client, b"one") == b"one"
        between.refuse()
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                connected(between)
        assert exchange(client, b"two") == b"two"
    between.heal()
    with connected(between) as client:
        assert exchange(client, b"three") == b"three"


def test_a_black_hole_takes_and_passes_nothing(echo: Echo, between: Proxy) -> None:
    """Neither on old connections nor on new ones; healed, old ones stay dead and new ones work."""
    with connected(between) as old:
        assert exchange(old, b"one") == b"one"
        between.swallow()
        old.sendall(b"lost")
        with connected(between) as new:
            new.sendall(b"lost")
            # The kernel connects it; whether it is lost is decided when the proxy takes it.
            until(lambda: between.accepted == 2, LIMIT_S, "the new connection to be taken")
            assert hears_nothing(new)
        between.heal()
        old.sendall(b"lost")
        assert hears_nothing(old)
        with connected(between) as third:
            assert exchange(third, b"two") == b"two"
    assert bytes(echo.heard) == b"onetwo"


def test_the_end_of_a_swallowed_connection_is_swallowed_too(echo: Echo, between: Proxy) -> None:
    """The server goes on waiting, as behind a router that forgot the connection."""
    with connected(between) as client:
        assert exchange(client, b"one") == b"one"
        between.swallow()
    with pytest.raises(TimeoutError):
        until(lambda: echo.ends or echo.resets, 0.2, "an end")


@pytest.mark.parametrize(("way", "heard"), [(Way.UP, b"one"), (Way.DOWN, b"onetwo")])
def test_half_open_passes_one_way(way: Way, heard: bytes, echo: Echo, between: Proxy) -> None:
    """What the client says arrives or not; it hears nothing either way, since the server only echoes."""
    with connected(between) as client:
        assert exchange(client, b"one") == b"one"
        between.swallow(frozenset({way}))
        client.sendall(b"two")
        assert hears_nothing(client)
        until(lambda: bytes(echo.heard) == heard, LIMIT_S, f"{heard!r}")


def test_a_stall_loses_nothing(echo: Echo, between: Proxy) -> None:
    """What was held back arrives when it is over."""
    with connected(between) as client:
        assert exchange(client, b"one") == b"one"
        between.stall()
        client.sendall(b"two")
        assert hears_nothing(client)
        assert bytes(echo.heard) == b"one"
        between.heal()
        client.settimeout(LIMIT_S)
        assert client.recv(16) == b"two"


def test_a_delay_holds_each_way_so_long(between: Proxy) -> None:
    """A fifth of a second there and another back, and the order stays."""
    with connected(between) as client:
        between.delay(0.2)
        began = time.monotonic()
        assert exchange(client, b"one") == b"one"
        assert time.monotonic() - began >= 0.4


def test_no_thread_is_left(echo: Echo) -> None:
    """With connections open, refused or swallowed: leaving the block ends it all."""
    before = threading.active_count()
    with proxy(echo.url) as between:
        client = connected(between)
        between.swallow()
        between.refuse()
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)
    for each in echo.connections:
        each.close()
    until(lambda: threading.active_count() <= before, LIMIT_S, "the threads to end")
