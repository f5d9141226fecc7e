"""Core: numbered events, kept until `publish` has published them.

An event that matters gets a number and stays here until an acknowledgement covers it; a `publish` that
has just started gets all of them again, also where it has had some of them, and knows those by the number.
Numbers begin at the process's start in milliseconds since the machine's (a clock that nobody sets back) and
count up by one: they ascend through restarts too, so a late acknowledgement of what a former process sent
covers nothing of this one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from heard.wire.events import Ack, Event


class Outbox:
    """Events in order; `send` returns whether the pipe took the message (it never waits)."""

    def __init__(self, first_number: int, send: Callable[[bytes], bool]) -> None:
        self.lost = 0
        """Events without a number that the pipe had no room for."""
        self._next = first_number
        self._send = send
        self._kept: deque[tuple[int, bytes]] = deque()
        self._unsent = 0
        """How many at the end of `_kept` have not been sent (again)."""

    @property
    def unacknowledged(self) -> int:
        """How many events are kept."""
        return len(self._kept)

    def keep(self, event: Event) -> None:
        """Give an event its number and send it, again and again until it is acknowledged."""
        self._kept.append((self._next, replace(event, number=self._next).pack()))
        self._next += 1
        self._unsent += 1
        self.flush()

    def offer(self, event: Event) -> None:
        """Send an event that may be lost; never ahead of those that may not."""
        self.flush()
        if self._unsent or not self._send(event.pack()):
            self.lost += 1

    def acknowledged(self, ack: Ack) -> None:
        """Let go of what is published; send the rest again to a fresh `publish`."""
        while self._kept and self._kept[0][0] <= ack.number:
            self._kept.popleft()
        self._unsent = len(self._kept) if ack.fresh else min(self._unsent, len(self._kept))
        self.flush()

    def flush(self) -> None:
        """Send what the pipe had no room for."""
        while self._unsent:
            _, message = self._kept[len(self._kept) - self._unsent]
            if not self._send(message):
                return
            self._unsent -= 1
