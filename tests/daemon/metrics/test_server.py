"""The HTTP server on real sockets."""

from __future__ import annotations

import http.client
import logging
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from heard.metrics.endpoint import Loopback, UnixSocket
from heard.metrics.server import MOST_REQUESTS, Answer, Server, UnavailableError

from ...support.poll import until
from ...system.running import folder

LIMIT_S = 20.0


class Unix(http.client.HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=LIMIT_S)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(str(self._path))


def figures(accept: str) -> tuple[bytes, str]:
    return f"figures for {accept!r}\n".encode(), "text/plain; version=0.0.4"


@contextmanager
def serving(answer: Answer = figures) -> Iterator[int]:
    """Serve on a port of 127.0.0.1 that is free; yield it."""
    server = Server(Loopback("127.0.0.1", 0), answer)
    try:
        yield server._server.socket.getsockname()[1]
    finally:
        server.close()


def asked(connection: http.client.HTTPConnection, path: str = "/metrics", **headers: str) -> tuple[int, str]:
    """Return status and body."""
    try:
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def local(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)


def test_what_is_served() -> None:
    """The figures in the format asked for; nothing at other paths, and nothing for another name."""
    with serving() as port:
        assert asked(local(port), Accept="x/y") == (200, "figures for 'x/y'\n")
        assert asked(local(port), "/") == (200, "figures for ''\n")
        assert asked(local(port), "/other")[0] == 404
        assert asked(local(port), Host="evil.example")[0] == 403


def test_the_unix_socket_is_for_its_owner() -> None:
    """Mode 0600; a stale one is replaced, and none is left."""
    with folder() as place:
        path = place / "metrics"
        path.touch()
        server = Server(UnixSocket(path), figures)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert asked(Unix(path)) == (200, "figures for ''\n")
        server.close()
        assert not path.exists()


def test_no_figures_now() -> None:
    """503 and the reason, which a scraper shows."""

    def never(_accept: str) -> tuple[bytes, str]:
        raise UnavailableError("heard is not running")

    with serving(never) as port:
        assert asked(local(port)) == (503, "heard is not running\n")


def test_clients_that_say_nothing_hold_nobody_up() -> None:
    """Two that are silent; with all places taken others are hung up on, and served again afterwards."""
    with serving() as port, ExitStack() as silent:
        for _ in range(2):
            silent.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT_S))
        assert asked(local(port))[0] == 200
        for _ in range(MOST_REQUESTS):
            silent.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT_S))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            until(lambda: asked(local(port))[0] != 200, LIMIT_S, "a refusal")
        silent.close()

        def served() -> bool:
            try:
                return asked(local(port))[0] == 200
            except (http.client.HTTPException, ConnectionError):
                return False

        until(served, LIMIT_S, "a place")


def test_a_bug_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its trace: whoever asked only sees the connection end."""

    def crash(_accept: str) -> tuple[bytes, str]:
        raise ZeroDivisionError

    with serving(crash) as port, caplog.at_level(logging.ERROR):
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            asked(local(port))
        until(lambda: "ZeroDivisionError" in caplog.text, LIMIT_S, "the log line")
