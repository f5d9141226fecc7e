"""The shell that serves the figures over HTTP, on a unix socket or a loopback port; one thread a request."""

from __future__ import annotations

import logging
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from heard.metrics.endpoint import Loopback, UnixSocket, is_ours

REQUEST_S = 5.0
"""A client that takes longer to say what it wants is hung up on."""
MOST_REQUESTS = 8
"""At once; who comes after them is hung up on."""
PATHS = ("/metrics", "/")

log = logging.getLogger(__name__)

Answer = Callable[[str], tuple[bytes, str]]
"""Takes an Accept header; returns a body and its content type. Raises UnavailableError."""


class UnavailableError(Exception):
    """There are no figures now; the text says why."""


class Server:
    """Serves what `answer` returns until closed.

    Raises:
        OSError: it cannot listen there.
    """

    def __init__(self, where: Loopback | UnixSocket, answer: Answer) -> None:
        self._where = where
        self._server = (_Unix if isinstance(where, UnixSocket) else _Tcp)(where, answer)
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        if isinstance(self._where, UnixSocket):
            self._where.path.unlink(missing_ok=True)


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_S
    server_version = "heard"
    sys_version = ""
    server: _Tcp

    def do_GET(self) -> None:
        self._reply(whole=True)

    def do_HEAD(self) -> None:
        self._reply(whole=False)

    def log_message(self, *_: object) -> None:
        """Say nothing: a scrape every few seconds is no news."""

    def _reply(self, *, whole: bool) -> None:
        kind = "text/plain; charset=utf-8"
        if isinstance(self.server.where, Loopback) and not is_ours(self.headers.get("Host")):
            status, body = HTTPStatus.FORBIDDEN, b"must be asked for as localhost or 127.0.0.1\n"
        elif self.path.partition("?")[0] not in PATHS:
            status, body = HTTPStatus.NOT_FOUND, b"the figures are at /metrics\n"
        else:
            try:
                body, kind = self.server.answer(self.headers.get("Accept", ""))
                status = HTTPStatus.OK
            except UnavailableError as error:
                status, body = HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode()
        with suppress(OSError):
            # Who asked may have gone.
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if whole:
                self.wfile.write(body)


class _Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = MOST_REQUESTS

    def __init__(self, where: Loopback | UnixSocket, answer: Answer) -> None:
        self.where = where
        self.answer = answer
        self._places = threading.BoundedSemaphore(MOST_REQUESTS)
        if isinstance(where, Loopback) and ":" in where.host:
            self.address_family = socket.AF_INET6
        super().__init__(self._address(where), _Handler)  # type: ignore[arg-type]  # a path for a unix socket

    def _address(self, where: Loopback | UnixSocket) -> tuple[str, int] | str:
        assert isinstance(where, Loopback)
        return where.host, where.port

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002  # the library's
        return self._places.acquire(blocking=False)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]  # a unix socket's is no pair
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # likewise
        """Log a bug; a client that broke off is none."""
        if not isinstance(sys.exception(), OSError):
            log.error("a request could not be answered", exc_info=sys.exception())


class _Unix(_Tcp):
    address_family = socket.AF_UNIX

    def _address(self, where: Loopback | UnixSocket) -> str:
        assert isinstance(where, UnixSocket)
        return str(where.path)

    def server_bind(self) -> None:
        assert isinstance(self.where, UnixSocket)
        # What a predecessor left; that the path is ours alone is the lock's business (heard.pipes.claim).
        self.where.path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self.socket.bind(str(self.where.path))
        finally:
            os.umask(before)
