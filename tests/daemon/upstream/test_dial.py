"""Connections being made and given up, against real sockets."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from heard.upstream.dial import Dial, HungUpError

from ...support.poll import until

CERTIFICATE = Path(__file__).parents[2] / "support" / "localhost.pem"
LIMIT_S = 15.0
TIMEOUT_S = 30.0


def listener() -> socket.socket:
    """Return a listening TCP socket."""
    return socket.create_server(("127.0.0.1", 0))


class Running:
    """A call in a thread, and what came of it."""

    def __init__(self, call: Callable[[], socket.socket]) -> None:
        self.came: socket.socket | OSError | None = None
        self._call = call
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self.came = self._call()
        except OSError as error:
            self.came = error

    def ended(self) -> bool:
        """Whether it has come to an end."""
        return self.came is not None


def test_who_is_given_up_knocks_no_more() -> None:
    """Neither now nor when somebody would answer."""
    with listener() as server, contextlib.ExitStack() as others:
        server.listen(0)
        where = server.getsockname()
        # One waits to be accepted: the kernel drops the next SYN, which would be repeated a second later.
        others.enter_context(socket.create_connection(where))
        dial = Dial(TIMEOUT_S)
        running = Running(lambda: dial.tcp(*where))
        with pytest.raises(TimeoutError):
            until(running.ended, 0.3, "a dropped SYN")
        dial.hang_up()
        # By itself it would try for twice as long.
        until(running.ended, LIMIT_S, "the end")
        assert isinstance(running.came, OSError)
        others.enter_context(server.accept()[0])
        server.settimeout(1.5)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_handshake_that_is_given_up_ends_at_once() -> None:
    """The other side sees a reset."""
    with listener() as server:
        dial = Dial(TIMEOUT_S)
        where = server.getsockname()
        running = Running(lambda: dial.tls(dial.tcp(*where), "localhost", str(CERTIFICATE)))
        with server.accept()[0] as peer:
            peer.settimeout(LIMIT_S)
            assert peer.recv(1) == b"\x16"
            dial.hang_up()
            until(running.ended, LIMIT_S, "the end")
            assert isinstance(running.came, OSError)
            with contextlib.suppress(ConnectionResetError):
                while peer.recv(65536):
                    pass


def test_nothing_is_begun_after_it_was_given_up() -> None:
    """Also where the name took its time."""
    with listener() as server:
        dial = Dial(TIMEOUT_S)
        dial.hang_up()
        with pytest.raises(HungUpError):
            dial.tcp(*server.getsockname())
        dial.hang_up()


def test_the_next_address_is_tried() -> None:
    """`localhost` is two; nobody listens at the first."""
    with listener() as server:
        port = server.getsockname()[1]
        addresses = [family for family, *_ in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)]
        with Dial(TIMEOUT_S).tcp("localhost", port) as made:
            assert made.getpeername() == ("127.0.0.1", port)
            assert made.gettimeout() == TIMEOUT_S
        assert socket.AF_INET in addresses


def test_the_hosts_certificate_is_checked() -> None:
    """Its name, and who vouches for it; a file that is not there is named, and what names it."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(CERTIFICATE)
    with listener() as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with contextlib.suppress(OSError), shown.wrap_socket(peer, server_side=True) as secured:
                        secured.recv(1)

        threading.Thread(target=serve, daemon=True).start()

        def secured(host: str, ca_file: str) -> ssl.SSLSocket:
            dial = Dial(LIMIT_S)
            return dial.tls(dial.tcp(*server.getsockname()), host, ca_file)

        with secured("localhost", str(CERTIFICATE)) as made:
            assert made.version() is not None
        with pytest.raises(ssl.SSLCertVerificationError):
            secured("elsewhere.test", str(CERTIFICATE))
        with pytest.raises(ssl.SSLCertVerificationError):
            secured("localhost", "")
        with pytest.raises(OSError, match=r"upstream.ca_file /nonexistent: No such file"):
            secured("localhost", "/nonexistent")
        server.shutdown(socket.SHUT_RDWR)
