"""Shell: the subscription to the daemon and its control socket, for all viewers together."""

from __future__ import annotations

import asyncio
import logging
import time

from heard.web.audience import Audience
from heard.wire.control import Code
from heard_client import (
    AsyncControl,
    AsyncSubscriber,
    ControlRefusedError,
    HeardError,
    Message,
    Missed,
    StatusMessage,
)
from heard_client.cursor import is_kept

log = logging.getLogger(__name__)

TOPICS = ("transcript.", "source.", "upstream.", "gap.", "level.", "spectrum.", "status")
PAST_S = 3600.0
"""Of what was said before the server started, so much is shown."""
LOST_S = 3.5
"""Without a status for so long, the daemon is not there: it tells one a second."""
LEASE_S = 15.0
RENEW_S = 5.0
RETRY_S = 0.5
"""The daemon says no while its denoise process starts."""


class Link:
    """Reads what the daemon publishes for `audience`, and keeps the spectra coming while somebody looks.

    Raises EndpointError where `transcripts` cannot be used.
    """

    def __init__(self, control: AsyncControl, transcripts: str, audience: Audience) -> None:
        self.control = control
        self._messages = AsyncSubscriber(
            transcripts,
            control=control.endpoint,
            topics=TOPICS,
            since=time.time() - PAST_S,
            on_missed=self._miss,
        )
        self._audience = audience
        self._up: bool | None = None
        self._told_at = time.monotonic()

    async def run(self) -> None:
        """Read and renew until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._renew())

    async def _read(self) -> None:
        async with self._messages as messages:
            while True:
                message = await messages.receive(0.5)
                if message is not None:
                    self._take(message)
                if self._up is not False and time.monotonic() - self._told_at > LOST_S:
                    self._set_up(up=False)

    def _miss(self, missed: Missed) -> None:
        # Of meters and partials the next one makes up for it.
        if is_kept(missed.topic):
            self._audience.tell_missed(missed, time.time())

    def _take(self, message: Message) -> None:
        self._audience.tell(message)
        if isinstance(message, StatusMessage):
            self._told_at = time.monotonic()
            if not self._up:
                self._set_up(up=True)

    def _set_up(self, *, up: bool) -> None:
        self._up = up
        where = self.control.endpoint
        log.info("%s: %s", where, "the daemon is there" if up else "no daemon: waiting for it")
        self._audience.tell_link(up=up, reason="" if up else f"nothing comes from the daemon at {where}")

    async def _renew(self) -> None:
        """Ask for spectra while a page is open: at once for the first one, then before the lease ends."""
        due, said = 0.0, ""
        while True:
            await asyncio.sleep(0.2)
            if not self._audience.viewers:
                due = 0.0
            elif self._up and time.monotonic() >= due:
                due = time.monotonic() + RETRY_S
                try:
                    await self.control.watch(None, LEASE_S)
                    due = time.monotonic() + RENEW_S
                except HeardError as error:
                    starting = isinstance(error, ControlRefusedError) and error.code is Code.NOT_AVAILABLE
                    if not starting and str(error) != said:
                        said = str(error)
                        log.warning("no spectrograms: %s", said)
