"""The pump between daemon and far side, where the far side is away for long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from heard.bridges.delivery import Delivery
from heard.bridges.errors import RefusedError, StartError
from heard.bridges.place import Place
from heard.bridges.process import WINDOW, Pump, Route
from heard_client import Cursor, Message

from ...clients.peers import Publisher
from ...support.poll import until
from .running import daemon, say, status

WAIT_S = 30


class Shelf:
    """A far side in this process: takes deliveries while it is `open`, and refuses some."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.taken: list[str] = []
        self.asked: list[str] = []
        self.refused: frozenset[str] = frozenset()
        self.broken: Exception | None = None

    async def run(self) -> None:
        """Do nothing."""

    async def deliver(self, delivery: Delivery) -> None:
        """Take it, once open."""
        self.asked.append(delivery.key)
        await self.open.wait()
        if self.broken is not None:
            raise self.broken
        if delivery.key in self.refused:
            raise RefusedError("not this one")
        self.taken.append(delivery.key)

    def tell(self, message: Message | None) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


@asynccontextmanager
async def pumping(
    folder: Path, shelf: Shelf, it: Publisher
) -> AsyncIterator[tuple[Pump, Place, asyncio.Task[None]]]:
    """Run a pump before the daemon in `folder`."""
    with Place(folder / "state", "shelf") as place:
        pump = Pump(shelf, place, Route(f"ipc://{folder}/transcripts", f"ipc://{folder}/control"))
        task = asyncio.create_task(pump.run())
        await asyncio.to_thread(it.await_subscriptions, 3)
        try:
            yield pump, place, task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, StartError):
                await task


async def seen(predicate: Callable[[], bool]) -> None:
    await asyncio.to_thread(until, predicate, WAIT_S, "the far side")


def unsubscribed(it: Publisher, count: int) -> None:
    """Wait until so many subscriptions have been ended."""
    while count:
        assert it._socket.poll(WAIT_S * 1000), f"{count} more subscriptions should have ended"
        count -= it._socket.recv()[:1] == b"\0"


def run(work: object) -> None:
    assert asyncio.iscoroutine(work)
    asyncio.run(asyncio.wait_for(work, 100))


def test_those_of_a_source_wait_for_each_other_and_for_no_other_source(tmp_path: Path) -> None:
    """While the far side hesitates, one of each is asked for; the place stays before them."""

    async def work() -> None:
        with daemon(tmp_path) as it:
            shelf = Shelf()
            async with pumping(tmp_path, shelf, it) as (pump, place, _):
                say(it, "mic", "1", "2")
                say(it, "desk", "a", "b")
                await seen(lambda: len(shelf.asked) == 2)
                await asyncio.sleep(0.1)
                assert shelf.asked == ["1", "a"]
                assert place.cursor is None
                shelf.refused = frozenset({"2"})
                shelf.open.set()
                await seen(lambda: len(shelf.taken) == 3)
            assert sorted(shelf.taken) == ["1", "a", "b"]
            assert (pump.counts.delivered, pump.counts.refused) == (3, 1)
            assert place.cursor is not None
            assert place.cursor.seq == {"transcript.final.mic": 2, "transcript.final.desk": 2}

    run(work())


def test_what_is_on_its_way_at_the_end_may_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop waits a moment for it, and the place is behind it."""
    monkeypatch.setattr("heard.bridges.process.GRACE_S", WAIT_S)

    async def work() -> None:
        with daemon(tmp_path) as it:
            shelf = Shelf()
            async with pumping(tmp_path, shelf, it) as (_, place, task):
                say(it, "mic", "1")
                await seen(lambda: bool(shelf.asked))
                task.cancel()
                await asyncio.sleep(0.1)
                shelf.open.set()
                with suppress(asyncio.CancelledError):
                    await task
            assert shelf.taken == ["1"]
            assert place.cursor is not None
            assert place.cursor.seq == {"transcript.final.mic": 1}

    run(work())


def test_a_stop_during_a_write_of_the_place_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write cannot be ended; another beside it would take the file from it, or be overwritten by it."""
    gate, writing, together = threading.Event(), [0], [0]
    real = Place.write

    def write(place: Place, cursor: Cursor) -> None:
        writing[0] += 1
        together[0] = max(together[0], writing[0])
        assert gate.wait(WAIT_S)
        real(place, cursor)
        writing[0] -= 1

    monkeypatch.setattr(Place, "write", write)

    async def work() -> None:
        with daemon(tmp_path) as it:
            shelf = Shelf()
            shelf.open.set()
            async with pumping(tmp_path, shelf, it) as (_, place, task):
                say(it, "mic", "1")
                await seen(lambda: writing[0] == 1)
                say(it, "mic", "2")
                await seen(lambda: shelf.taken == ["1", "2"])
                task.cancel()
                asyncio.get_running_loop().call_later(0.2, gate.set)
                with suppress(asyncio.CancelledError):
                    await task
            assert together == [1]
            assert place.cursor is not None
            assert place.cursor.seq == {"transcript.final.mic": 2}

    run(work())


def test_a_far_side_that_takes_nothing_any_more_ends_it(tmp_path: Path) -> None:
    """The error is the pump's; nothing is settled."""

    async def work() -> None:
        with daemon(tmp_path) as it:
            shelf = Shelf()
            shelf.broken = StartError("moved away", 4)
            shelf.open.set()
            async with pumping(tmp_path, shelf, it) as (_, place, task):
                say(it, "mic", "1")
                with pytest.raises(StartError, match="moved away"):
                    await asyncio.wait_for(task, WAIT_S)
            assert place.cursor is None or place.cursor.seq.get("transcript.final.mic", 0) == 0

    run(work())


def test_a_long_absence_is_waited_for_without_a_subscription(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: a window of finals; the rest comes from the journal when the far side is back."""
    monkeypatch.setattr("heard.bridges.process.PARK_S", 0.5)

    async def work() -> None:
        with daemon(tmp_path) as it:
            shelf = Shelf()
            async with pumping(tmp_path, shelf, it) as (_, place, _task):
                status(it, mic="live")
                for number in range(1, WINDOW + 20):
                    say(it, "mic", str(number))
                await asyncio.to_thread(unsubscribed, it, 3)
                for number in range(WINDOW + 20, 300):
                    say(it, "mic", str(number))
                assert shelf.asked == ["1"]
                shelf.open.set()
                await asyncio.to_thread(it.await_subscriptions, 3)
                status(it, mic="live")
                await seen(lambda: len(shelf.taken) == 299)
            assert shelf.taken == [str(number) for number in range(1, 300)]
            assert place.cursor is not None
            assert place.cursor.seq["transcript.final.mic"] == 299

    run(work())
