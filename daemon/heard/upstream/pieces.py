"""Core: a WebSocket message put together from its frames, and how large it may be.

The library reads a frame to its end whatever its size, and knows no limit for a message: both are set here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

LARGEST_MESSAGE = 8 << 20


class TooLargeError(Exception):
    """A frame, or a message of several, has more bytes than a message may have."""


class Buffer(Protocol):
    """What is used of the library's buffer for the frame that is being received."""

    length: int | None
    recv_length: Callable[[], None]


def bound(buffer: Buffer) -> None:
    """Let `buffer` raise TooLargeError for a frame that announces too much, before any of it is read."""
    read = buffer.recv_length

    def recv_length() -> None:
        read()
        if (buffer.length or 0) > LARGEST_MESSAGE:
            raise TooLargeError

    buffer.recv_length = recv_length


class Pieces:
    """The pieces of the message under way."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0

    def add(self, data: bytes, *, last: bool) -> bytes | None:
        """Take a piece; return the whole message after the last one.

        Raises:
            TooLargeError: it grows too large.
        """
        # A message may come in any number of empty pieces.
        if data:
            self._parts.append(data)
            self._bytes += len(data)
        if self._bytes > LARGEST_MESSAGE:
            raise TooLargeError
        if not last:
            return None
        whole = b"".join(self._parts)
        self._parts, self._bytes = [], 0
        return whole
