"""NATS JetStream as a far side: the stream keeps each final once, and says so; the only user of nats-py."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.errors import AuthorizationError, MaxPayloadError
from nats.errors import Error as NatsError
from nats.js.api import Header, RetentionPolicy, StorageType, StreamConfig
from nats.js.client import JetStreamContext
from nats.js.errors import (
    APIError,
    BadRequestError,
    NoStreamResponseError,
    NotFoundError,
    ServiceUnavailableError,
)

from heard.bridges.backoff import delays
from heard.bridges.credentials import Secret, revealed
from heard.bridges.delivery import Delivery, as_json
from heard.bridges.errors import CREDENTIALS, FAILURE, USAGE, RefusedError, StartError
from heard_client import Message, Partial

log = logging.getLogger(__name__)

ACK_S = 5.0
GOODBYE_S = 1.0
FIRST_S, MOST_S = 0.2, 10.0
DUPLICATES_S = 3600.0
"""A stream made here knows a repeated message for so long; the server's default is two minutes."""
TOO_LARGE = 10054
WRONG_STREAM = 10060
KINDS = ("final", "revised")


@dataclass(frozen=True, slots=True)
class Options:
    """How to use a server.

    stream     name of the stream, made if it is not there
    prefix     subjects begin with it
    max_age_s  a stream that is made here keeps messages for so long; 0: for ever
    """

    url: str
    stream: str = "HEARD"
    prefix: str = "heard"
    user: str | None = None
    password: Secret | None = None
    token: Secret | None = None
    tls: ssl.SSLContext | None = None
    max_age_s: float = 0.0


class JetStream:
    """A connection to a server with JetStream."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = Client()
        self._stream: JetStreamContext | None = None
        self._ready = asyncio.Event()
        self._fatal: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._was_connected = False
        self._closing = False
        self._away = ""

    async def run(self) -> None:
        """Connect, make sure of the stream, and stay connected; see `FarSide`."""
        connecting = asyncio.create_task(self._connect())
        try:
            await asyncio.wait({connecting, self._fatal}, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
            await self._fatal
        finally:
            connecting.cancel()

    async def deliver(self, delivery: Delivery) -> None:
        """Publish until the stream has acknowledged; `Nats-Msg-Id` lets it know what it has already."""
        for delay in delays(FIRST_S, MOST_S):
            await self._ready.wait()
            try:
                await self._publish(delivery)
            except (MaxPayloadError, BadRequestError) as error:
                if isinstance(error, BadRequestError) and error.err_code not in (TOO_LARGE, WRONG_STREAM):
                    self._say(_reason(error))  # such as a stream that is full: room may be made
                else:
                    raise RefusedError(_reason(error)) from None
            except NoStreamResponseError:
                self._say("the stream does not answer")
                with suppress(NatsError, OSError, TimeoutError):
                    await self._make_stream()
            except (NatsError, OSError, TimeoutError) as error:
                self._say(_reason(error))
            else:
                self._away = ""
                return
            await asyncio.sleep(delay)

    def tell(self, message: Message | None) -> None:
        """Pass on what is being said right now, to who listens; the stream does not keep it."""
        if isinstance(message, Partial) and self._ready.is_set() and self._client.is_connected:
            subject = f"{self._options.prefix}.{message.source}.partial"
            task = asyncio.ensure_future(self._client.publish(subject, as_json(message)))
            task.add_done_callback(_forget)

    async def close(self) -> None:
        """Disconnect."""
        self._closing = True
        with suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._client.close()

    async def _connect(self) -> None:
        options = self._options
        await self._client.connect(
            options.url,
            name="heard",
            user=options.user,
            password=revealed(options.password),
            token=revealed(options.token),
            tls=options.tls,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=20,
            max_outstanding_pings=2,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
        )
        for delay in delays(FIRST_S, MOST_S):
            try:
                await self._make_stream()
            except (ServiceUnavailableError, NoStreamResponseError):
                raise StartError(
                    f"{options.url}: the server runs without JetStream: start it with -js, or with a "
                    "jetstream section in its configuration",
                    FAILURE,
                ) from None
            except (NatsError, OSError, TimeoutError) as error:
                self._say(_reason(error))
            else:
                break
            await asyncio.sleep(delay)
        self._connected()

    async def _make_stream(self) -> None:
        """Make the stream if it is not there.

        Raises:
            StartError: it is, and does not take our subjects.
        """
        options = self._options
        subjects = [f"{options.prefix}.*.{kind}" for kind in KINDS]
        stream = self._client.jetstream(timeout=ACK_S)
        try:
            found = (await stream.stream_info(options.stream)).config.subjects or []
        except NotFoundError:
            await stream.add_stream(
                StreamConfig(
                    name=options.stream,
                    description="Transcripts of heard",
                    subjects=subjects,
                    retention=RetentionPolicy.LIMITS,
                    storage=StorageType.FILE,
                    max_age=options.max_age_s,
                    duplicate_window=min(DUPLICATES_S, options.max_age_s or DUPLICATES_S),
                )
            )
            log.info("stream %s is made, for %s", options.stream, " and ".join(subjects))
        else:
            missing = [each for each in subjects if not any(covers(subject, each) for subject in found)]
            if missing:
                raise StartError(
                    f"stream {options.stream} takes {', '.join(found)} and not {', '.join(missing)}: "
                    "add that to it (nats stream edit), or give another --stream",
                    USAGE,
                )
        self._stream = stream

    async def _publish(self, delivery: Delivery) -> None:
        assert self._stream is not None, "ready means that there is one"
        await self._stream.publish(
            f"{self._options.prefix}.{delivery.source}.{delivery.kind}",
            delivery.body,
            timeout=ACK_S,
            stream=self._options.stream,
            headers={
                Header.MSG_ID: delivery.key,
                "Content-Type": "application/json",
                "Heard-Run": delivery.run,
            },
        )

    def _connected(self) -> None:
        url = self._client.connected_url
        log.info("connected to %s, stream %s", url.netloc if url else self._options.url, self._options.stream)
        self._was_connected = True
        self._away = ""
        self._ready.set()

    def _say(self, why: str) -> None:
        if why != self._away:
            self._away = why
            log.warning("%s: %s; trying again, nothing is lost", self._options.url, why)

    async def _on_error(self, error: Exception) -> None:
        refused = isinstance(error, AuthorizationError) or "authorization" in str(error).lower()
        if refused and not self._was_connected and not self._fatal.done():
            self._fatal.set_exception(
                StartError(f"{self._options.url}: the server refuses these credentials", CREDENTIALS)
            )
        else:
            self._say(_reason(error))

    async def _on_disconnected(self) -> None:
        if self._was_connected:
            self._ready.clear()
            self._say("connection lost")

    async def _on_closed(self) -> None:
        """End where nats-py has given up, as it does when credentials are refused later on."""
        if not self._closing and not self._fatal.done():
            self._fatal.set_exception(
                StartError(f"{self._options.url}: closed for good: {self._away or 'no reason given'}")
            )

    async def _on_reconnected(self) -> None:
        self._connected()


def covers(pattern: str, subject: str) -> bool:
    """Return whether a stream's subject pattern takes all that `subject`, itself a pattern, stands for."""
    wanted = subject.split(".")
    for place, token in enumerate(pattern.split(".")):
        if token == ">":  # noqa: S105  # of a subject
            return place < len(wanted)
        if place >= len(wanted) or token not in ("*", wanted[place]):
            return False
    return len(pattern.split(".")) == len(wanted)


def _reason(error: BaseException) -> str:
    if isinstance(error, APIError) and error.description:
        return error.description
    if isinstance(error, TimeoutError):
        return "no acknowledgement in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).removeprefix("nats: ").strip("'").lower() or type(error).__name__


def _forget(task: asyncio.Future[None]) -> None:
    """Let a partial that could not be sent go: the next one says more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.debug("a partial was not sent: %s", error)
