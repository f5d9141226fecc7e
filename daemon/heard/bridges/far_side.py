"""The seam between the daemon's side and whatever takes its transcripts."""

from __future__ import annotations

from typing import Protocol

from heard.bridges.delivery import Delivery
from heard_client import Message


class Server(Protocol):
    """What runs beside the daemon, and is told what goes on there. All is called in one event loop."""

    async def run(self) -> None:
        """Keep the connection, and make it anew when it breaks, until cancelled.

        Raises:
            StartError: that is pointless until a person has changed something.
        """

    def tell(self, message: Message | None) -> None:
        """Take note of a message that may be missed; None: nothing was heard of the daemon for a while."""


class FarSide(Server, Protocol):
    """Where deliveries go."""

    async def deliver(self, delivery: Delivery) -> None:
        """Return when the far side has acknowledged `delivery`, however long it is away. May be cancelled.

        Raises:
            RefusedError: it will never take this one.
            StartError: it will take none.
        """

    async def close(self) -> None:
        """Say goodbye; within a second or two."""
