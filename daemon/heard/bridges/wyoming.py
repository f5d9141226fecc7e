"""A Wyoming server that tells its clients what heard hears; the only user of the package `wyoming`.

Each client has a subscription of its own, so that a slow one holds up nobody, and keeps its own place: a
`transcript` has a `context`, and a `transcribe` with that context is answered with all that followed it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wyoming.asr import Transcribe
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.ping import Ping, Pong

from heard import __version__
from heard.bridges.errors import USAGE, StartError
from heard.bridges.process import Route
from heard.bridges.speech import Speech
from heard.wire.topics import Topic
from heard_client import AsyncSubscriber, Cursor, Final, Message, Partial, StatusMessage

log = logging.getLogger(__name__)

CLIENTS = 32
LISTEN_S = 0.5
"""A client that has not asked for anything by then is told of everything."""
STATUS_S = 2.0
MOST_BYTES = 1 << 20
"""Of data or payload of one event from a client."""
LANGUAGES = ["en"]


@dataclass(frozen=True, slots=True)
class Bind:
    """Where to listen: HOST and port, or a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"unix://{self.path}" if self.path else f"tcp://{self.host}:{self.port}"


def bind(uri: str) -> Bind:
    """Return where a URI says to listen.

    Raises:
        StartError: it is neither tcp://HOST:PORT nor unix:///PATH.
    """
    wanted = f"--bind {uri}: must be tcp://HOST:PORT or unix:///PATH"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise StartError(wanted, USAGE) from None
    if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
        return Bind(path=parts.path)
    if parts.scheme != "tcp" or not parts.hostname or port is None:
        raise StartError(wanted, USAGE)
    return Bind(parts.hostname, port)


class ProtocolError(Exception):
    """What a client sent is not Wyoming, or is too large."""


class Wyoming:
    """The server."""

    def __init__(self, bind: Bind, route: Route, ready: Callable[[str], None]) -> None:
        self._bind = bind
        self._route = route
        self._ready = ready
        self._sources: tuple[str, ...] = ()
        self._told = asyncio.Event()
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until cancelled; see `FarSide`.

        Raises:
            StartError: the address cannot be listened on.
        """
        # So that the first client, too, is told which sources there are.
        with suppress(TimeoutError):
            async with asyncio.timeout(STATUS_S):
                await self._told.wait()
        try:
            server = await self._listening()
        except OSError as error:
            raise StartError(f"{self._bind}: cannot listen: {error.strerror}") from None
        async with server:
            name = server.sockets[0].getsockname()
            where = str(self._bind) if self._bind.path else f"tcp://{self._bind.host}:{name[1]}"
            self._ready(where)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()
                for client in self._clients:
                    client.cancel()
                await asyncio.gather(*self._clients, return_exceptions=True)
                if self._bind.path:
                    _unlink(self._bind.path)

    def tell(self, message: Message | None) -> None:
        """Learn which sources there are."""
        if isinstance(message, StatusMessage):
            self._sources = tuple(message.status.get("sources", {}))
            self._told.set()

    async def _listening(self) -> asyncio.Server:
        if self._bind.path:
            _unlink(self._bind.path)
            return await asyncio.start_unix_server(self._accept, self._bind.path, limit=MOST_BYTES)
        return await asyncio.start_server(self._accept, self._bind.host, self._bind.port, limit=MOST_BYTES)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served in a task"
        self._clients.add(task)
        client = _Client(reader, writer, self._route, lambda: self._sources)
        try:
            if len(self._clients) > CLIENTS:
                await client.complain(f"{CLIENTS} clients are connected; no more are served", "too-many")
            else:
                await client.serve()
        except ProtocolError as error:
            with suppress(OSError):
                await client.complain(str(error), "bad-request")
        except (OSError, asyncio.IncompleteReadError):
            pass  # it went away, as clients do
        except asyncio.CancelledError:
            pass  # the server's end; asyncio before 3.12 logs a handler that was cancelled as an error
        finally:
            self._clients.discard(task)
            writer.close()


class _Client:
    """One connection: what it asks is answered, and what heard hears is told."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        route: Route,
        sources: Callable[[], tuple[str, ...]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._route = route
        self._sources = sources
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Serve until the client goes away."""
        telling: asyncio.Task[None] | None = asyncio.create_task(self._tell_later())
        asking = asyncio.create_task(self._read())
        try:
            while True:
                pending = {asking} if telling is None else {asking, telling}
                await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                if telling is not None and telling.done():
                    telling.result()
                if not asking.done():
                    continue
                event = asking.result()
                if event is None:
                    return
                if Transcribe.is_type(event.type):
                    wanted = Transcribe.from_event(event)
                    await _end(telling)
                    telling = asyncio.create_task(self._tell(*self._asked(wanted)))
                else:
                    await self._answer(event)
                asking = asyncio.create_task(self._read())
        finally:
            await _end(asking)
            await _end(telling)

    async def complain(self, text: str, code: str) -> None:
        """Send an error."""
        await self._send(Error(text=text, code=code).event())

    async def _answer(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._send(_info(self._sources()).event())
        elif Ping.is_type(event.type):
            await self._send(Pong(text=Ping.from_event(event).text).event())
        elif event.type.startswith("audio-"):
            raise ProtocolError(
                "heard transcribes what it captures itself, and takes no audio from Wyoming clients"
            )
        # What else there is, or will be, is passed over, as the protocol wants it.

    def _asked(self, wanted: Transcribe) -> tuple[str | None, Cursor | None]:
        """Return the source and the place that a client asks for."""
        sources = self._sources()
        if wanted.name and sources and wanted.name not in sources:
            raise ProtocolError(f"no source is called {wanted.name!r}; there are: {', '.join(sources)}")
        given = (wanted.context or {}).get("cursor")
        try:
            cursor = None if given is None else Cursor.from_json(json.dumps(given))
        except ValueError:
            raise ProtocolError("context.cursor: must be as a transcript of heard had it") from None
        return wanted.name or self._route.source, cursor

    async def _tell_later(self) -> None:
        await asyncio.sleep(LISTEN_S)
        await self._tell(self._route.source, None)

    async def _tell(self, source: str | None, cursor: Cursor | None) -> None:
        speech = Speech()
        async with AsyncSubscriber(
            self._route.transcripts,
            control=self._route.control,
            topics=[f"{Topic.PARTIAL}.", f"{Topic.FINAL}."],
            source=source,
            cursor=cursor,
        ) as messages:
            async for message in messages:
                match message:
                    case Partial():
                        events = speech.partial(message)
                    case Final():
                        events = speech.final(message, messages.cursor)
                    case _:
                        continue
                for kind, data in events:
                    await self._send(Event(kind, data))

    async def _send(self, event: Event) -> None:
        async with self._sending:
            await async_write_event(event, self._writer)

    async def _read(self) -> Event | None:
        """Return the next event of the client, None at its end.

        The package's own reader would take whatever length is announced into memory.

        Raises:
            ProtocolError: that is none.
        """
        try:
            line = await self._reader.readline()
            if not line:
                return None
            header = json.loads(line)
            data = header.get("data") or {}
            lengths = [header.get(name) or 0 for name in ("data_length", "payload_length")]
            if not (isinstance(header["type"], str) and all(0 <= n <= MOST_BYTES for n in lengths)):
                raise ProtocolError(f"an event has a type and at most {MOST_BYTES} bytes of data")
            extra, payload = [await self._reader.readexactly(n) if n else b"" for n in lengths]
            return Event(header["type"], {**data, **(json.loads(extra) if extra else {})}, payload or None)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProtocolError("that is no event of the Wyoming protocol") from None


def _info(sources: tuple[str, ...]) -> Info:
    """Return what this server is: speech to text, with a model for each source."""
    heard = Attribution(name="heard", url="")
    models = [
        AsrModel(
            name=source,
            attribution=heard,
            installed=True,
            description=f"What source {source} hears",
            version=__version__,
            languages=LANGUAGES,
        )
        for source in sources
    ]
    program = AsrProgram(
        name="heard",
        attribution=heard,
        installed=True,
        description="Tells what heard hears with its own microphones; takes no audio",
        version=__version__,
        models=models,
        supports_transcript_streaming=True,
        requires_external_vad=False,
    )
    return Info(asr=[program])


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        if Path(path).is_socket():
            Path(path).unlink()


async def _end(task: asyncio.Task[Event | None] | asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
