"""A name server of the tests: every name is 127.0.0.1. It is asked by UDP, as resolvers do."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

A, IN = 1, 1
_HEADER = 12
_ANSWERED = 0x8180
"""A response, recursion desired and available, no error."""
_POINTER = 0xC00C
"""The name of the question, in whole."""
SECONDS_TO_LIVE = 1


def answer(query: bytes) -> bytes:
    """Return the answer to a query with one question: an address for type A, else nothing (RFC 1035).

    Raises:
        ValueError: it is no such query.
    """
    if len(query) < _HEADER or struct.unpack("!H", query[4:6])[0] != 1:
        raise ValueError("not a query with one question")
    end = query.index(b"\0", _HEADER) + 5
    if len(query) < end:
        raise ValueError("a question that is cut off")
    (kind,) = struct.unpack("!H", query[end - 4 : end - 2])
    known = kind == A
    head = query[:2] + struct.pack("!5H", _ANSWERED, 1, known, 0, 0) + query[_HEADER:end]
    if not known:
        return head
    return head + struct.pack("!3HIH4s", _POINTER, A, IN, SECONDS_TO_LIVE, 4, socket.inet_aton("127.0.0.1"))


@contextmanager
def name_server(bound: socket.socket) -> Iterator[None]:
    """Answer what arrives at a bound UDP socket for as long as the block, and close it."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                query, peer = bound.recvfrom(512)
                if not query:
                    return
                with suppress(ValueError):
                    bound.sendto(answer(query), peer)

    thread = threading.Thread(target=serve, name="names", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(OSError):
            bound.shutdown(socket.SHUT_RDWR)
        bound.close()
        thread.join(5)
