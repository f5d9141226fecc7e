"""A connection being made, that another thread may give up at any moment: a thin shell around TCP and TLS.

The library would do it as well, but nobody could stop it: what was given up would go on knocking until its
time is over, and when the network returns, all of them would be let in at once.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

NEXT_S = 1.0
"""An address that does not answer gives way to the host's next one: IPv6 may lead nowhere (cf. RFC 8305)."""


Address = str | tuple[object, ...]


class HungUpError(OSError):
    """It was given up."""


class Dial:
    """One connection. All but `hang_up` block, for `timeout_s` at most with each address and step."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._hung_up = False

    def unix(self, path: Path) -> socket.socket:
        """Return a socket that is connected to a unix socket.

        Raises:
            OSError: that failed, or it was given up.
        """
        return self._connected(socket.AF_UNIX, str(path), self._timeout_s)

    def tcp(self, host: str, port: int) -> socket.socket:
        """Return a socket that is connected to a port of a host, by the first address that answers.

        Raises:
            OSError: none did, there is no such host, or it was given up.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, *_, address in found[:-1]:
            with suppress(OSError):
                return self._connected(family, address, min(self._timeout_s, NEXT_S))
        family, *_, address = found[-1]
        return self._connected(family, address, self._timeout_s)

    def tls(self, sock: socket.socket, host: str, ca_file: str) -> ssl.SSLSocket:
        """Return the socket within TLS, once the host has shown a certificate of its own.

        Raises:
            OSError: it did not (`ssl.SSLError`), the connection broke, or it was given up.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_file:
            _trust(context, ca_file)
        else:
            context.load_default_certs()
        secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        self._hold(secured)
        try:
            secured.do_handshake()
        except OSError:
            secured.close()
            raise
        return secured

    def hang_up(self) -> None:
        """Give up, from whatever thread: nothing more is sent, not even what waits to be repeated."""
        with self._lock:
            self._hung_up = True
            if self._sock is not None:
                reset(self._sock)

    def _connected(self, family: int, address: Address, timeout_s: float) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._hold(sock)
            sock.settimeout(timeout_s)
            if family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            self._hold(sock)
        except OSError:
            sock.close()
            raise
        sock.settimeout(self._timeout_s)
        return sock

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            if self._hung_up:
                sock.close()
                raise HungUpError("given up")
            self._sock = sock


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        raise
    except OSError as error:
        raise OSError(error.errno, f"upstream.ca_file {ca_file}: {error.strerror}") from error


def reset(sock: socket.socket) -> None:
    """Wake whoever waits for a socket; once it is closed, what was not delivered is forgotten.

    The kernel would repeat it otherwise, and a service behind a black hole get in the end what other
    connections have brought it since.
    """
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
