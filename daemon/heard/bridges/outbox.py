"""Core: what is on its way to a far side, and how far everything has arrived."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from heard_client import Cursor


@dataclass(slots=True, eq=False)
class Ticket:
    """One message on its way; `cursor` is the place behind it."""

    cursor: Cursor
    done: bool = False


class Outbox:
    """Messages are acknowledged in any order; `settled` lies behind those that leave none out.

    A bridge that begins anew at `settled` delivers every message at least once.
    """

    def __init__(self, settled: Cursor) -> None:
        self.settled = settled
        self._waiting: deque[Ticket] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, cursor: Cursor) -> Ticket:
        """Take note of a message, in the order in which the subscriber handed it over."""
        ticket = Ticket(cursor)
        self._waiting.append(ticket)
        return ticket

    def done(self, ticket: Ticket) -> None:
        """Take note that a message was acknowledged, or given up."""
        ticket.done = True
        while self._waiting and self._waiting[0].done:
            self.settled = self._waiting.popleft().cursor

    def idle(self, cursor: Cursor) -> None:
        """Take note of the subscriber's place where nothing is on its way: it moves without one, too."""
        if not self._waiting:
            self.settled = cursor
