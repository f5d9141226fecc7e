"""`Subscriber` and `AsyncSubscriber` with a control socket: what the publish socket drops comes too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heard.wire.codec import Body, pack, unpack
from heard_client import AsyncControl, AsyncSubscriber, Subscriber, connect
from heard_client.cursor import Cursor
from heard_client.errors import ControlRefusedError, DaemonNotRunningError, NoReplyError
from heard_client.messages import Final
from heard_client.sequences import Missed

from ..support.poll import until
from .peers import Frames, Publisher, answering, final, publishing

MIC = "transcript.final.mic"
ARRIVES_S = 30.0


@contextmanager
def daemon(folder: Path) -> Iterator[Publisher]:
    """Run both sockets of a daemon in `folder`, with a journal of what is published."""
    with publishing(folder / "transcripts") as it, answering(folder / "control", it.journal.answer):
        yield it


def turn(text: str) -> Body:
    """Return a final whose id is its text."""
    return final(text, text)


def texts(subscriber: Subscriber, count: int) -> list[str]:
    """Return so many finals, and what is handed over behind them until nothing comes for a while."""
    found: list[str] = []
    while len(found) < count and (message := subscriber.receive(ARRIVES_S)) is not None:
        found += [message.text] if isinstance(message, Final) else []
    return found + [message.text for message in subscriber if isinstance(message, Final)]


@pytest.fixture(name="subscriber")
def _subscriber(tmp_path: Path) -> Iterator[Subscriber]:
    with Subscriber(
        f"ipc://{tmp_path}/transcripts",
        control=f"ipc://{tmp_path}/control",
        topics=["transcript.final."],
        timeout_s=0.6,
        repair_s=ARRIVES_S,
    ) as subscriber:
        yield subscriber


def test_a_hole_is_filled_in_its_place(tmp_path: Path, subscriber: Subscriber) -> None:
    """Whether another final follows it, or nothing but the status, which the user did not ask for."""
    with daemon(tmp_path) as it:
        assert sorted(it.await_subscriptions(2)) == ["status", "transcript.final."]
        for number in range(1, 9):
            it.send(MIC, turn(f"{number}"), dropped=number in (3, 4, 5, 8))
        it.send_status()
        assert texts(subscriber, 8) == [f"{number}" for number in range(1, 9)]
        assert subscriber.missed == {}
        assert subscriber.cursor.seq[MIC] == 8


def test_a_journal_that_does_not_answer_costs_a_wait_and_the_hole(tmp_path: Path) -> None:
    """Later finals come after `repair_s`, and the hole is told before them."""
    with (
        daemon(tmp_path) as it,
        Subscriber(
            it.endpoint, control=f"ipc://{tmp_path}/control", topics=["transcript.final."], repair_s=2.0
        ) as subscriber,
    ):
        it.await_subscriptions(2)
        it.journal.silent = True
        it.send(MIC, turn("1"))
        it.send(MIC, turn("2"), dropped=True)
        it.send(MIC, turn("3"))
        began = time.monotonic()
        assert subscriber.receive(ARRIVES_S) is not None
        found = subscriber.receive(ARRIVES_S)
        assert isinstance(found, Final)
        assert found.text == "3"
        # It is ten seconds where nobody says how long.
        assert 1.5 < time.monotonic() - began < 8
        assert subscriber.missed == {MIC: 1}


def test_the_wait_for_a_repair_ends_when_the_caller_says(tmp_path: Path, subscriber: Subscriber) -> None:
    """`receive` takes no longer than it was given, whatever else is going on; nothing is lost by that."""
    with daemon(tmp_path) as it:
        it.await_subscriptions(2)
        it.journal.silent = True
        it.send(MIC, turn("1"))
        it.send(MIC, turn("2"), dropped=True)
        it.send(MIC, turn("3"))
        assert subscriber.receive(ARRIVES_S) is not None
        began = time.monotonic()
        assert subscriber.receive(0.2) is None
        assert time.monotonic() - began < ARRIVES_S / 2
        it.journal.silent = False
        assert texts(subscriber, 2) == ["2", "3"]


def test_a_late_start_and_a_cursor(tmp_path: Path) -> None:
    """`since` brings what was said before; the cursor of one subscriber is where the next one begins."""
    with daemon(tmp_path) as it:
        it.send(MIC, turn("before"), dropped=True)
        cursor: Cursor | None = None
        for number, expected in enumerate((["before", "live 0"], ["while away 1", "live 1"])):
            if cursor is not None:
                it.send(MIC, turn(f"while away {number}"), dropped=True)
            with connect(
                endpoint=f"ipc://{tmp_path}/control",
                transcripts=it.endpoint,
                topics=["transcript.final."],
                timeout_s=0.6,
                since=1.0,
                cursor=cursor,
            ) as (messages, control):
                assert control.endpoint == f"ipc://{tmp_path}/control"
                it.await_subscriptions(2)
                it.send_status()
                it.send(MIC, turn(f"live {number}"))
                assert texts(messages, 2) == expected
                cursor = Cursor.from_json(messages.cursor.to_json())


def test_another_daemon_is_not_asked(tmp_path: Path) -> None:
    """Who names the publish socket alone gets what arrives, and is told what does not."""
    told: list[Missed] = []
    with (
        daemon(tmp_path) as it,
        Subscriber(it.endpoint, topics=[MIC], timeout_s=0.5, on_missed=told.append) as subscriber,
    ):
        assert it.await_subscriptions(1) == [MIC]
        it.send(MIC, turn("1"))
        it.send(MIC, turn("2"), dropped=True)
        it.send(MIC, turn("3"))
        assert texts(subscriber, 2) == ["1", "3"]
        assert told == [Missed(MIC, "run-1", 2, 2, "no-control")]
        assert it.journal.asked == []


def test_for_asyncio_it_is_the_same(tmp_path: Path) -> None:
    """Holes are filled, waits end in time, and a cancelled `receive` loses nothing."""

    async def read(it: Publisher) -> list[str]:
        found: list[str] = []
        async with AsyncSubscriber(
            it.endpoint, control=f"ipc://{tmp_path}/control", topics=["transcript.final."], timeout_s=0.6
        ) as messages:
            await asyncio.to_thread(it.await_subscriptions, 2)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await messages.receive()
            for number in range(1, 9):
                it.send(MIC, turn(f"{number}"), dropped=number in (3, 4, 5, 8))
            it.send_status()
            while len(found) < 8:
                message = await messages.receive(ARRIVES_S)
                assert isinstance(message, Final)
                found.append(message.text)
            assert [message async for message in messages] == []
            assert messages.cursor.seq[MIC] == 8
        return found

    with daemon(tmp_path) as it:
        assert asyncio.run(read(it)) == [f"{number}" for number in range(1, 9)]


def test_a_waiting_asyncio_subscriber_leaves_the_loop_alone(tmp_path: Path) -> None:
    """It sleeps in the loop's own selector: no thread, no polling."""

    async def wait() -> float:
        async with AsyncSubscriber(f"ipc://{tmp_path}/transcripts") as messages:
            began = time.process_time()
            assert await messages.receive(0.5) is None
            return time.process_time() - began

    with publishing(tmp_path / "transcripts"):
        assert asyncio.run(wait()) < 0.2


def test_asyncio_tasks_share_a_control_connection(tmp_path: Path) -> None:
    """Each gets its own answer, whatever order they come in; refusals and silence are their own."""
    kept: list[Frames] = []

    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        reply: Body = {"v": 1, "id": request["id"], "ok": True, "result": {"op": request["op"]}}
        if request["op"] == "refused":
            reply = {
                "v": 1,
                "id": request["id"],
                "ok": False,
                "error": {"code": "bad-value", "message": "no"},
            }
        kept.append([frames[0], pack(reply)])
        # In reverse, once all are here.
        return kept[::-1] if len(kept) == 4 else []

    async def ask() -> None:
        async with AsyncControl(f"ipc://{tmp_path}/control", timeout_s=ARRIVES_S) as control:
            ops = [control.request(op) for op in ("a", "b", "refused", "c")]
            found = await asyncio.gather(*ops, return_exceptions=True)
            assert [each for each in found if isinstance(each, dict)] == [{"op": op} for op in "abc"]
            assert isinstance(found[2], ControlRefusedError)
            with pytest.raises(NoReplyError, match=r"no answer to status within 0\.1 s"):
                await control.request("status", timeout_s=0.1)

    with answering(tmp_path / "control", answer):
        asyncio.run(ask())


def test_asyncio_is_told_at_once_that_nobody_is_there(tmp_path: Path) -> None:
    """As the plain one is."""

    async def ask() -> None:
        async with AsyncControl(f"ipc://{tmp_path}/control") as control:
            await control.hello()

    with pytest.raises(DaemonNotRunningError):
        asyncio.run(ask())


def test_both_controls_have_every_op() -> None:
    """What is added to one is missed in the other."""
    from heard_client import Control  # noqa: PLC0415

    public = {name for name in vars(Control) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncControl) if not name.startswith("_")}


def test_it_waits_for_a_daemon_that_is_not_there_yet(tmp_path: Path, subscriber: Subscriber) -> None:
    """The control socket may come up after the publish socket: a request is sent again."""
    with publishing(tmp_path / "transcripts") as it:
        it.await_subscriptions(2)
        it.send(MIC, turn("1"))
        it.send(MIC, turn("2"), dropped=True)
        it.send(MIC, turn("3"))
        assert subscriber.receive(ARRIVES_S) is not None
        assert subscriber.receive(0.1) is None
        with answering(tmp_path / "control", it.journal.answer):
            until(lambda: subscriber.receive(0.1) is not None, ARRIVES_S, "the second final")
            assert texts(subscriber, 1) == ["3"]
