"""Shell: the page's server, from the listening socket to the last viewer."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from heard.web.app import make_app
from heard.web.audience import Audience
from heard.web.gate import Gate
from heard.web.link import Link
from heard_client import AsyncControl

CONNECTIONS = 128
GRACE_S = 3
"""How long answers that are under way are waited for at the end."""


def serve(listener: socket.socket, control: str, transcripts: str, gate: Gate) -> signal.Signals:
    """Serve the page until a signal comes; return which.

    control, transcripts: the daemon's sockets; it need not be there.

    Raises:
        EndpointError: one of them cannot be used.
    """
    return asyncio.run(_serve(listener, control, transcripts, gate))


async def _serve(listener: socket.socket, control: str, transcripts: str, gate: Gate) -> signal.Signals:
    audience = Audience()
    async with AsyncControl(control) as daemon:
        link = Link(daemon, transcripts, audience)
        server = _Server(_config(make_app(daemon, gate, audience)), audience)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reading = asyncio.create_task(link.run())
        await asyncio.wait((serving, reading), return_when=asyncio.FIRST_COMPLETED)
        # Reading ends by a fault of ours alone: then there is nothing to serve.
        failed = reading.done()
        server.end()
        reading.cancel()
        await serving
        if failed:
            reading.result()
    return server.ended_by


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )


class _Server(uvicorn.Server):
    """Ends its viewers before it waits for the answers that are under way: theirs end with them alone."""

    def __init__(self, config: uvicorn.Config, audience: Audience) -> None:
        super().__init__(config)
        self._audience = audience
        self.ended_by = signal.SIGTERM

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take note of a signal; uvicorn itself would raise it again at the end."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self._signalled, each)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)

    def _signalled(self, number: signal.Signals) -> None:
        self.ended_by = number
        # A second Ctrl-C forces.
        self.force_exit = self.should_exit
        self.end()

    def end(self) -> None:
        """Send all viewers away and serve no more."""
        self.should_exit = True
        self._audience.end()
