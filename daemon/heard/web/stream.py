"""Shell: one viewer's stream of server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Receive, Scope, Send

from heard.web.audience import Audience

PACE_S = 0.04
"""Events that come within it go out together: 25 writes a second, whatever the daemon publishes."""
IDLE_S = 15.0
"""A comment is sent after so long, by which a connection that has gone is noticed."""
SEND_S = 30.0
"""A browser that takes nothing for so long is sent away."""

HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]


class EventStream:
    """An ASGI response: what `audience` shows, until the browser goes or is sent away."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience
        self._ready = asyncio.Event()
        self._viewer = audience.join(self._ready.set)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one viewer."""
        serving = asyncio.create_task(self._serve(send))
        leaving = asyncio.create_task(_disconnection(receive))
        try:
            await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._audience.leave(self._viewer)
            for task in (serving, leaving):
                task.cancel()
            await asyncio.gather(serving, leaving, return_exceptions=True)
        if not serving.cancelled():
            serving.result()

    async def _serve(self, send: Send) -> None:
        async def write(data: bytes, *, more: bool = True) -> None:
            async with asyncio.timeout(SEND_S):
                await send({"type": "http.response.body", "body": data, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        with suppress(TimeoutError, OSError):
            while not self._viewer.ended:
                try:
                    async with asyncio.timeout(IDLE_S):
                        await self._ready.wait()
                except TimeoutError:
                    await write(b":\n\n")
                    continue
                self._ready.clear()
                if data := self._viewer.take():
                    await write(data)
                await asyncio.sleep(PACE_S)
            await write(b"", more=False)


async def _disconnection(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
