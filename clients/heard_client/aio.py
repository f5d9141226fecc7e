"""`AsyncSubscriber` and `AsyncControl`: the same as `Subscriber` and `Control`, for asyncio.

Of their own they have only the waiting: what to do with what arrives is the same code.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

import zmq

from heard.wire.codec import Body, WireError
from heard.wire.control import Reply, Request
from heard.wire.status import Status
from heard_client import requests, sockets
from heard_client.connect import check_endpoint, find_endpoints, probe
from heard_client.control import TIMEOUT_S, result
from heard_client.curve import Keys, unheard
from heard_client.errors import NoReplyError
from heard_client.messages import Message
from heard_client.requests import Ask, Forgotten, Hello, NoiseProfile, Transcripts
from heard_client.subscribe import Subscription

T = TypeVar("T")


class AsyncSubscriber(Subscription):
    """A subscription for `async for`; see `Subscriber` for what it promises and takes.

    For one task at a time. `receive` may be cancelled (`asyncio.timeout`) and loses nothing by it.
    """

    _turns = 0
    """How often the event loop has had a turn while this waited."""

    async def receive(self, timeout_s: float | None = None) -> Message | None:
        """Return the next message, None when none is there within `timeout_s` (None: wait for ever)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        turns = self._turns
        while (message := self._next()) is None:
            now = time.monotonic()
            if self._ask(now):
                continue
            arrived = await self._await(self._wait_s(now, deadline))
            if self._is_over(now, deadline, arrived=bool(arrived)):
                return None
            self._take(arrived)
        if turns == self._turns:
            # A flood must not keep the event loop's other tasks waiting for ever.
            await asyncio.sleep(0)
        return message

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.receive(self._timeout_s)) is not None:
            yield message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    async def _await(self, wait_s: float | None) -> dict[object, int]:
        """Wait for at most `wait_s`; return what can be received."""
        loop = asyncio.get_running_loop()
        # ZeroMQ's descriptor tells that something changed, not what: it is asked before and after.
        if not (arrived := dict(self._poller.poll(0))):
            changed = asyncio.Event()
            # A descriptor that is watched costs two calls of the system a message, so none in vain.
            watched = (self._socket, self._control) if self._feed.is_asking else (self._socket,)
            descriptors = [sockets.descriptor(socket) for socket in watched]
            self._turns += 1
            for descriptor in descriptors:
                loop.add_reader(descriptor, changed.set)
            try:
                async with asyncio.timeout(wait_s):
                    await changed.wait()
            except TimeoutError:
                pass
            finally:
                for descriptor in descriptors:
                    loop.remove_reader(descriptor)
            arrived = dict(self._poller.poll(0))
        return arrived


class AsyncControl:
    """A connection to the control socket for asyncio; see `Control` for its arguments and errors.

    Several tasks may use it at once: each gets its own answer. Close it, or use it in an `async with` block.
    """

    def __init__(
        self, endpoint: str | None = None, *, timeout_s: float = TIMEOUT_S, keys: Keys | None = None
    ) -> None:
        self.endpoint = find_endpoints().control if endpoint is None else check_endpoint(endpoint)
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[list[bytes]]] = {}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        sockets.ask(self._socket, self.endpoint, keys=keys)

    async def ask(self, ask: Ask[T], timeout_s: float | None = None) -> T:
        """Send a request and return its result."""
        await self._probe()
        wait_s = ask.extra_s + (self.timeout_s if timeout_s is None else timeout_s)
        loop = asyncio.get_running_loop()
        number = next(self._ids)
        answer = self._waiting[number] = loop.create_future()
        descriptor = sockets.descriptor(self._socket)
        loop.add_reader(descriptor, self._read)
        try:
            sockets.request(self._socket, self.endpoint, Request(number, ask.op, ask.args).pack())
            # Sending may have taken note of an arrival that the descriptor tells no more.
            self._read()
            async with asyncio.timeout(wait_s):
                frames = await answer
        except TimeoutError:
            # Gone meanwhile, or busy: two different faults.
            await self._probe()
            hint = unheard(self.endpoint)
            raise NoReplyError(f"{self.endpoint}: no answer to {ask.op} within {wait_s:g} s{hint}") from None
        finally:
            del self._waiting[number]
            if not self._waiting:
                loop.remove_reader(descriptor)
        found = result(ask, number, frames, self.endpoint)
        assert found is not None, "answers are told apart before"
        return found[0]

    async def request(
        self, op: str, args: Mapping[str, object] | None = None, timeout_s: float | None = None
    ) -> Body:
        """Send `op` and return its result, for an op that this version has no method for."""
        return await self.ask(requests.generic(op, args), timeout_s)

    async def hello(self) -> Hello:
        """Return who answers."""
        return requests.seen_from(self.endpoint, await self.ask(Ask("hello", requests.read_hello)))

    async def status(self) -> Status:
        """Return the status map (docs/wire.md, Status)."""
        return await self.ask(Ask("status", requests.read_status))

    async def mute(self, source: str | None = None) -> dict[str, str]:
        """Close the device of `source` (None: of all); return the state of each source named."""
        return await self.ask(requests.on_source("mute", source))

    async def unmute(self, source: str | None = None) -> dict[str, str]:
        """Open it again."""
        return await self.ask(requests.on_source("unmute", source))

    async def end_turn(self, source: str | None = None) -> dict[str, str]:
        """End the turn that is being spoken now, without waiting for silence (op `endpoint`)."""
        return await self.ask(requests.on_source("endpoint", source))

    async def reconnect(self, source: str | None = None) -> dict[str, str]:
        """Replace the speech-to-text session by a new one."""
        return await self.ask(requests.on_source("reconnect", source))

    async def get(self, source: str, key: str | None = None) -> Body:
        """Return the value in force of `key`, or of every key that can be read (None)."""
        return await self.ask(Ask("get", requests.read_body, requests.given(source=source, key=key)))

    async def set(self, source: str, key: str, value: object) -> Body:
        """Change `key` while running; return the value now in force."""
        return await self.ask(requests.change(source, key, value))

    async def learn_noise(self, source: str, seconds: float = 2.0) -> NoiseProfile:
        """Measure the room's noise for `seconds`; nobody should speak meanwhile."""
        return await self.ask(requests.learn_noise(source, seconds))

    async def watch(self, source: str | None = None, seconds: float | None = None) -> float:
        """Let `Spectrum` messages be published for `seconds`; see `Control.watch`."""
        return await self.ask(requests.watch(source, seconds))

    async def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        run: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        revised: bool = False,
        cursor: str | None = None,
    ) -> Transcripts:
        """Return finals from the journal, by when they were said; see `Control.history`."""
        args = requests.given(
            since=since, until=until, source=source, run=run, after=after, limit=limit, cursor=cursor,
            revised=revised or None,
        )  # fmt: skip
        return await self.ask(Ask("history", requests.read_transcripts, args))

    async def search(
        self,
        words: str,
        limit: int | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        cursor: str | None = None,
    ) -> Transcripts:
        """Return transcripts of all runs that hold all of `words`; see `Control.search`."""
        args = requests.given(
            words=words, limit=limit, since=since, until=until, source=source, cursor=cursor
        )
        return await self.ask(Ask("search", requests.read_transcripts, args))

    async def forget(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        run: str | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Forgotten:
        """Delete from the journal, for good; see `Control.forget`."""
        args = requests.given(
            since=since, until=until, source=source, run=run, all=everything, dry_run=dry_run
        )
        return await self.ask(Ask("forget", requests.read_forgotten, args), requests.FORGET_S)

    async def devices(self) -> list[Body]:
        """Return the inputs that the daemon's machine has, as `heard devices --format json` lists them."""
        return await self.ask(Ask("devices", requests.read_devices))

    async def reload(self) -> tuple[str, ...]:
        """Let the daemon read its configuration again; return the changed keys that take a restart."""
        return await self.ask(Ask("reload", requests.read_reload, extra_s=requests.RELOAD_S))

    async def stop(self) -> None:
        """Let the daemon drain and end; returns when it has understood, not when it has gone."""
        await self.ask(Ask("stop", requests.read_nothing))

    def close(self) -> None:
        """End the connection; may be called twice."""
        self._socket.close()
        self._context.term()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    async def _probe(self) -> None:
        if self.endpoint.startswith("ipc:"):
            probe(self.endpoint)  # answered by the kernel at once
        else:
            await asyncio.to_thread(probe, self.endpoint)

    def _read(self) -> None:
        """Give each answer that is here to whoever waits for it."""
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            number = _number(frames)
            # What cannot be read, or is about a request that could not be, is everybody's.
            for asked, answer in self._waiting.items():
                if number in (asked, None) and not answer.done():
                    answer.set_result(frames)


def _number(frames: list[bytes]) -> int | str | None:
    try:
        (data,) = frames
        return Reply.unpack(data).id
    except (ValueError, WireError):
        return None
