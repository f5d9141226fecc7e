"""`heard bridge wyoming` before the protocol's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from wyoming.asr import Transcribe, Transcript
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping

from ...clients.peers import Publisher
from ...support.poll import until
from .running import WAIT_S, bridge, daemon, say, status, turn

FOR_ITSELF = 1
"""Subscriptions of the bridge."""
FOR_A_CLIENT = 3


@contextmanager
def serving(folder: Path) -> Iterator[tuple[Publisher, int]]:
    """Run a daemon with the source `mic` and a bridge; yields also its port."""
    with daemon(folder) as it, bridge(folder, "wyoming", "--bind", "tcp://127.0.0.1:0") as child:
        it.await_subscriptions(FOR_ITSELF)
        status(it, mic="live", desk="live")
        until(lambda: "listening" in child.printed(), WAIT_S, child.tail())
        yield it, int(child.printed().strip().rpartition(":")[2])
        assert child.terminate() == 0
        assert "Traceback" not in child.complained()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncTcpClient]:
    client = AsyncTcpClient("127.0.0.1", port, connect_timeout=20, read_timeout=WAIT_S)
    await client.connect()
    try:
        yield client
    finally:
        await client.disconnect()


async def read(client: AsyncTcpClient, upto: str) -> list[Event]:
    """Return the events up to one of this type."""
    events: list[Event] = []
    while not events or events[-1].type != upto:
        event = await client.read_event()
        assert event is not None, f"the server closed before {upto}: {events}"
        events.append(event)
    return events


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(90):
            await work()

    asyncio.run(limited())


def test_a_client_that_only_listens_is_told_of_every_turn(tmp_path: Path) -> None:
    """Words are told once they are sure; the turn has all of them, its source and its times."""
    with serving(tmp_path) as (it, port):

        async def work() -> None:
            async with connected(port) as client:
                it.await_subscriptions(FOR_A_CLIENT)
                words = [
                    {"text": "turn", "start": 0.0, "end": 0.2, "confidence": 0.9, "final": True},
                    {"text": "offer", "start": 0.2, "end": 0.4, "confidence": 0.3, "final": False},
                ]
                it.send("transcript.partial.mic", turn("turn offer", words=words) | {"turn_id": "t9"})
                it.send("transcript.final.mic", turn("turn off the light", language="en") | {"turn_id": "t9"})
                events = await read(client, "transcript-stop")
            assert [event.type for event in events] == [
                "voice-started",
                "transcript-start",
                "transcript-chunk",
                "transcript-chunk",
                "voice-stopped",
                "transcript",
                "transcript-stop",
            ]
            assert (
                "".join(e.data["text"] for e in events if e.type == "transcript-chunk")
                == "turn off the light"
            )
            assert all((e.data["source"], e.data["turn_id"]) == ("mic", "t9") for e in events)
            said = Transcript.from_event(events[5])
            assert (said.text, said.language) == ("turn off the light", "en")

        run(work)


def test_a_client_goes_on_where_it_was(tmp_path: Path) -> None:
    """With the context of the last transcript that it had, it is given all that followed, once, in order."""
    with serving(tmp_path) as (it, port):

        async def work() -> None:
            async with connected(port) as client:
                await client.write_event(Transcribe(name="mic").event())
                it.await_subscriptions(FOR_A_CLIENT)
                say(it, "desk", "not for us")
                say(it, "mic", "1")
                first = Transcript.from_event((await read(client, "transcript"))[-1])
            assert first.text == "1"
            say(it, "mic", "2", "3")
            async with connected(port) as client:
                await client.write_event(Transcribe(name="mic", context=first.context).event())
                it.await_subscriptions(FOR_A_CLIENT)
                say(it, "mic", "4")
                events = [event for _ in range(3) for event in await read(client, "transcript")]
            assert [Transcript.from_event(e).text for e in events if e.type == "transcript"] == [
                "2",
                "3",
                "4",
            ]

        run(work)


def test_what_a_server_is_asked(tmp_path: Path) -> None:
    """What there is, whether it lives; what it cannot do, or is no event at all, is answered by an error."""
    with serving(tmp_path) as (_, port):

        async def refused(*events: Event) -> str:
            async with connected(port) as client:
                for event in events:
                    await client.write_event(event)
                answer = Error.from_event((await read(client, "error"))[-1])
                assert answer.code == "bad-request"
                assert await client.read_event() is None, "the connection is closed"
                return answer.text

        async def work() -> None:
            async with connected(port) as client:
                await client.write_event(Event("from-the-future", {"a": 1}))
                await client.write_event(Describe().event())
                (program,) = Info.from_event((await read(client, "info"))[-1]).asr
                assert program.name == "heard"
                assert program.supports_transcript_streaming
                assert [model.name for model in program.models] == ["mic", "desk"]
                await client.write_event(Ping(text="x").event())
                assert (await read(client, "pong"))[-1].data == {"text": "x"}
            assert "takes no audio" in await refused(
                Event("audio-start", {"rate": 16000, "width": 2, "channels": 1})
            )
            assert "there are: mic, desk" in await refused(Transcribe(name="cellar").event())
            nonsense = {"cursor": {"run": 7}}
            assert "context.cursor" in await refused(Transcribe(context=nonsense).event())
            for line in (
                b"GET / HTTP/1.1\r\n",
                b'{"type": "ping", "data_length": 99999999999}\n',
                b"[]\n",
                b"\xff\n",
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(line)
                assert json.loads(await reader.readline())["type"] == "error"
                writer.close()

        run(work)
