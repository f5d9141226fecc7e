"""The shell of a bridge: finals from the daemon to a far side, each until it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from heard.bridges.delivery import Delivery, delivery
from heard.bridges.errors import RefusedError
from heard.bridges.far_side import FarSide, Server
from heard.bridges.outbox import Outbox, Ticket
from heard.bridges.place import Place
from heard.wire.topics import Topic
from heard_client import AsyncSubscriber, Cursor, Missed

log = logging.getLogger(__name__)

WINDOW = 64
"""So many deliveries are on their way at most."""
PARK_S = 30.0
"""A far side that has been away for so long is waited for without a subscription, which would cost memory."""
IDLE_S = 1.0
SILENCE_S = 5.0
"""The status comes every second; after so long without one the daemon is taken to be away."""
GRACE_S = 2.0
"""At the end, what is on its way may arrive for so long; the rest is delivered by the next start."""
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Route:
    """Which messages of which daemon.

    transcripts, control  the daemon's sockets
    source                only this source; None for all
    since                 where nothing was delivered yet: begin with what was said since then
    live                  topics of messages that may be missed, for `FarSide.tell`
    """

    transcripts: str
    control: str
    source: str | None = None
    since: float | None = None
    live: tuple[Topic, ...] = ()


@dataclass(slots=True)
class Counts:
    """What became of the finals and revisions since the start."""

    delivered: int = 0
    refused: int = 0
    missed: int = 0

    def __str__(self) -> str:
        also = [f"{self.refused} refused"] if self.refused else []
        also += [f"{self.missed} not to be had"] if self.missed else []
        return ", ".join([f"{self.delivered} delivered", *also])


class Pump:
    """Takes finals from the daemon and hands them to the far side: those of one source one by one.

    So each source's order is kept whatever is tried again, and a slow answer holds up one source only.
    """

    def __init__(self, far: FarSide, place: Place, route: Route) -> None:
        self.counts = Counts()
        self._far = far
        self._place = place
        self._route = route
        self._outbox = Outbox(place.cursor or Cursor())
        log.info("%s", _beginning(place.cursor, route.since))
        self._lanes: dict[str, asyncio.Queue[tuple[Ticket, Delivery]]] = {}
        self._lane_tasks: list[asyncio.Task[None]] = []
        self._moved = asyncio.Event()
        self._kept: asyncio.Task[None] | None = None
        """The newest write of the place, done or not."""
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        """Work until cancelled; then what is on its way is given `GRACE_S`.

        Raises:
            StartError: the far side takes nothing as things are.
        """
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write())
        try:
            await asyncio.wait({reader, writer, self._failed}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, writer, self._failed):
                if task.done():
                    task.result()
        except asyncio.CancelledError:
            await _end(reader)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    while len(self._outbox):
                        await self._next_move()
            raise
        finally:
            await _end(reader, writer, *self._lane_tasks)
            await self._keep()

    async def _read(self) -> None:
        """Read as fast as the far side takes it, and no faster: the rest is in the journal."""
        cursor = self._place.cursor
        while True:
            async with self._subscriber(cursor) as finals:
                while True:
                    message = await finals.receive(IDLE_S)
                    if message is None:
                        self._outbox.idle(finals.cursor)
                        self._moved.set()
                        continue
                    self._send(delivery(message), self._outbox.add(finals.cursor))
                    if not await self._has_room(PARK_S) and finals.cursor.run:
                        cursor = finals.cursor
                        break
            await self._has_room(None)

    def _subscriber(self, cursor: Cursor | None) -> AsyncSubscriber:
        return AsyncSubscriber(
            self._route.transcripts,
            control=self._route.control,
            topics=[f"{Topic.FINAL}.", f"{Topic.REVISED}."],
            source=self._route.source,
            since=self._route.since,
            cursor=cursor,
            on_missed=self._missed,
        )

    def _missed(self, missed: Missed) -> None:
        self.counts.missed += missed.count
        log.warning("not to be had: %s", missed)

    def _send(self, item: Delivery | None, ticket: Ticket) -> None:
        if item is None:
            self._outbox.done(ticket)
            return
        if item.source not in self._lanes:
            self._lanes[item.source] = asyncio.Queue()
            self._lane_tasks.append(asyncio.create_task(self._work(self._lanes[item.source])))
        self._lanes[item.source].put_nowait((ticket, item))

    async def _work(self, lane: asyncio.Queue[tuple[Ticket, Delivery]]) -> None:
        while True:
            ticket, item = await lane.get()
            try:
                await self._far.deliver(item)
            except RefusedError as error:
                self.counts.refused += 1
                log.error("%s of %s, turn %s, is given up: %s", item.kind, item.source, item.turn_id, error)
            except Exception as error:  # noqa: BLE001
                # Nobody awaits a lane. Whatever it was ends the bridge; the next start delivers the final.
                if not self._failed.done():
                    self._failed.set_exception(error)
                return
            else:
                self.counts.delivered += 1
            self._outbox.done(ticket)
            self._moved.set()

    async def _has_room(self, wait_s: float | None) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                while len(self._outbox) >= WINDOW:
                    await self._next_move()
        except TimeoutError:
            return False
        return True

    async def _next_move(self) -> None:
        self._moved.clear()
        await self._moved.wait()

    async def _write(self) -> None:
        """Keep the place behind what was acknowledged; what comes during a write is kept by the next."""
        while True:
            await self._keep()
            await self._next_move()

    async def _keep(self) -> None:
        # A write cannot be ended, only left; two at once would take the file from each other.
        if self._kept is not None:
            await asyncio.wait({self._kept})
        cursor = self._outbox.settled
        if self._place.is_due(cursor):
            self._kept = asyncio.create_task(self._put(cursor))
            await asyncio.shield(self._kept)

    async def _put(self, cursor: Cursor) -> None:
        try:
            await asyncio.to_thread(self._place.write, cursor)
        except OSError as error:
            log.error("%s: %s; a restart will deliver again", self._place.path, error.strerror)


def _beginning(cursor: Cursor | None, since: float | None) -> str:
    if cursor is not None:
        return "going on where it stopped"
    if since is not None:
        then = datetime.fromtimestamp(since).astimezone()
        return f"beginning with what was said since {then:%Y-%m-%d %H:%M:%S}"
    return "beginning with what is said from now on"


async def watch(far: Server, route: Route) -> None:
    """Tell a far side what may be missed, and whether the daemon is there, until cancelled."""
    topics = [str(Topic.STATUS), *(f"{topic}." for topic in route.live)]
    present: bool | None = None
    async with AsyncSubscriber(
        route.transcripts, control=route.control, topics=topics, source=route.source, repair_s=0
    ) as messages:
        while True:
            message = await messages.receive(SILENCE_S)
            if present is not (message is not None):
                present = message is not None
                if present:
                    log.info("hearing the daemon at %s", route.transcripts)
                else:
                    log.warning("nothing is heard from the daemon at %s; waiting for it", route.transcripts)
            far.tell(message)


async def bridge(far: FarSide, place: Place, route: Route) -> int:
    """Run a bridge until SIGINT or SIGTERM; return the exit code.

    Raises:
        StartError: it cannot work as it is set up.
    """
    pump = Pump(far, place, route)
    try:
        return await until_stopped(far.run(), pump.run(), watch(far, route))
    finally:
        await far.close()
        log.info("%s", pump.counts)


async def until_stopped(*parts: Coroutine[None, None, None]) -> int:
    """Run all parts until a signal, or until one fails; return 130 for SIGINT, 0 for SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    tasks = [asyncio.create_task(part) for part in parts]
    waited: set[asyncio.Future[Any]] = {stopped, *tasks}
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                task.result()
    finally:
        # The pump first: what it has on its way still needs the connection.
        for task in reversed(tasks):
            await _end(task)
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
    return stopped.result()


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
