"""MQTT 5 as a far side: finals with QoS 1, states that the broker keeps, commands; the only user of paho."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from heard.bridges.credentials import Secret, revealed
from heard.bridges.delivery import Delivery, as_json
from heard.bridges.errors import CREDENTIALS, RefusedError, StartError
from heard.bridges.state import OFFLINE, ONLINE, STATES, Command, CommandError, Topics, discovery
from heard.wire.status import Status
from heard_client import AsyncControl, HeardError, Message, Partial, SourceEvent, StatusMessage

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
RETRY_MAX_S = 15
GOODBYE_S = 1.0
COMMANDS = 32
"""So many commands wait at most; what comes then is said and dropped."""
QUOTA_EXCEEDED = 0x97
UNSPECIFIED = 0x80
NOT_ALLOWED = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""Bad user name or password, not authorized, banned, bad authentication method (MQTT 5, 3.2.2.2)."""
RETAINED_NEVER = 2
"""Kept commands are not sent (MQTT 5, 3.8.3.1): what was asked in an earlier time must not unmute today."""
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to use a broker.

    node            tells this heard from others at the same broker: in client id and Home Assistant's ids
    prefix          topics begin with it
    expiry_s        a final that a subscriber has not fetched for so long is dropped by the broker; 0: never
    retain          let the broker keep the last final, for who connects later
    home_assistant  prefix of Home Assistant's discovery; None: no discovery
    commands        obey mute and mix from the broker
    control         the daemon's control socket, for commands
    """

    host: str
    port: int
    node: str
    prefix: str = "heard"
    username: str | None = None
    password: Secret | None = None
    tls: ssl.SSLContext | None = None
    expiry_s: int = 0
    retain: bool = False
    home_assistant: str | None = "homeassistant"
    commands: bool = True
    control: str | None = None
    source: str | None = None


class Mqtt:
    """A connection to a broker. paho's thread keeps it; what it calls goes on in the event loop."""

    def __init__(self, options: Options) -> None:
        self.where = f"{options.host}:{options.port}"
        self._options = options
        self._topics = Topics(options.prefix)
        self._loop = asyncio.get_running_loop()
        self._fatal: asyncio.Future[None] = self._loop.create_future()
        self._sent: dict[int, asyncio.Future[ReasonCode]] = {}
        self._connected = False
        self._was_connected = False
        self._closing = False
        self._away = ""
        self._status: Status | None = None
        self._kept: dict[str, str] = {}
        self._described: tuple[tuple[str, ...], dict[str, str]] = ((), {})
        self._commands: asyncio.Queue[Command] = asyncio.Queue(COMMANDS)
        self._client = self._made()

    async def run(self) -> None:
        """Connect, and stay connected; see `FarSide`."""
        options = self._options
        self._client.connect_async(options.host, options.port, KEEPALIVE_S, clean_start=True)
        self._client.loop_start()
        obeying = asyncio.create_task(self._obey())
        try:
            await asyncio.wait({self._fatal, obeying}, return_when=asyncio.FIRST_COMPLETED)
            for task in (self._fatal, obeying):
                if task.done():
                    task.result()
        finally:
            obeying.cancel()

    async def deliver(self, delivery: Delivery) -> None:
        """Publish with QoS 1; paho sends it again on the next connection until it is acknowledged."""
        while True:
            code = await self._publish_and_wait(delivery)
            if not code.is_failure:
                return
            if code.value != QUOTA_EXCEEDED:
                raise RefusedError(f"the broker at {self.where} says: {str(code).lower()}")
            await asyncio.sleep(RETRY_S)

    def tell(self, message: Message | None) -> None:
        """Keep states at the broker; pass on what is said right now."""
        match message:
            case None:
                self._status = None
                self._keep({self._topics.availability: OFFLINE})
            case StatusMessage():
                self._status = message.status
                self._keep_states()
            case Partial():
                self._offer(self._topics.of(message.source, "partial"), as_json(message))
            case SourceEvent():
                self._offer(self._topics.of(message.source, "event"), as_json(message))
            case _:
                pass

    async def close(self) -> None:
        """Say that nothing is available any more, and disconnect."""
        self._closing = True
        if self._connected:
            last = self._client.publish(self._topics.availability, OFFLINE, qos=1, retain=True)
            await asyncio.to_thread(last.wait_for_publish, GOODBYE_S)
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _made(self) -> paho.Client:
        options = self._options
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"heard-{options.node}", protocol=paho.MQTTv5
        )
        if options.username is not None or options.password is not None:
            client.username_pw_set(options.username, revealed(options.password))
        if options.tls is not None:
            client.tls_set_context(options.tls)
        client.reconnect_delay_set(1, RETRY_MAX_S)
        client.will_set(self._topics.availability, OFFLINE, qos=1, retain=True)
        client.on_connect = lambda _c, _u, _f, code, _p: self._later(self._on_connect, code)
        client.on_connect_fail = lambda _c, _u: self._later(self._on_away, _reason(sys.exception()))
        client.on_disconnect = lambda _c, _u, _f, code, _p: self._later(self._on_away, _lost(code))
        client.on_publish = lambda _c, _u, mid, code, _p: self._later(self._on_published, mid, code)
        client.on_message = lambda _c, _u, message: self._later(self._on_message, message)
        return client

    def _later(self, call: Callable[..., None], *args: object) -> None:
        """Go on in the event loop; paho's thread may outlive it by a moment."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *args)

    def _on_connect(self, code: ReasonCode) -> None:
        if code.is_failure:
            text = f"the broker at {self.where} says: {str(code).lower()}"
            if code.value in NOT_ALLOWED and not self._was_connected and not self._fatal.done():
                self._fatal.set_exception(StartError(text, CREDENTIALS))
            else:
                self._on_away(str(code))
            return
        log.info("connected to the broker at %s", self.where)
        self._connected = self._was_connected = True
        self._away = ""
        # The broker may be another than before, or have lost what it kept.
        self._kept = {}
        if self._options.commands:
            wanted = SubscribeOptions(qos=1, retainHandling=RETAINED_NEVER)
            self._client.subscribe([(each, wanted) for each in self._topics.commands])
        self._keep_states()

    def _on_away(self, why: str) -> None:
        self._connected = False
        if why != self._away and not self._closing:
            self._away = why
            log.warning("no broker at %s: %s; trying again, nothing is lost", self.where, why.lower())

    def _on_published(self, mid: int, code: ReasonCode) -> None:
        if (waiting := self._sent.pop(mid, None)) is not None and not waiting.done():
            waiting.set_result(code)

    def _on_message(self, message: paho.MQTTMessage) -> None:
        if message.retain:
            log.warning("%s: a command that the broker keeps is not obeyed", message.topic)
            return
        try:
            self._commands.put_nowait(self._topics.command(message.topic, bytes(message.payload)))
        except CommandError as error:
            log.warning("%s", error)
        except asyncio.QueueFull:
            log.warning("%s: not obeyed: too many commands at once", message.topic)

    async def _obey(self) -> None:
        """Do what is asked over the broker, one command after the other."""
        async with AsyncControl(self._options.control) as daemon:
            while True:
                command = await self._commands.get()
                try:
                    await _done(daemon, command)
                except HeardError as error:
                    log.warning("%s %s: %s", command.source, command.what, error)
                else:
                    log.info("%s: %s = %s, as the broker asked", command.source, command.what, command.value)
                # Whoever asked is told what is in force, though it may not have changed.
                self._kept.pop(self._topics.of(command.source, STATES[command.what]), None)

    async def _publish_and_wait(self, delivery: Delivery) -> ReasonCode:
        properties = _json()
        properties.UserProperty = [
            ("turn_id", delivery.turn_id),
            ("key", delivery.key),
            ("run", delivery.run),
            ("seq", str(delivery.seq)),
        ]
        if self._options.expiry_s:
            properties.MessageExpiryInterval = self._options.expiry_s
        retain = self._options.retain and delivery.kind == "final"
        sent = self._client.publish(
            self._topics.delivery(delivery), delivery.body, qos=1, retain=retain, properties=properties
        )
        # The acknowledgement is taken note of in this loop, so it cannot come before this line.
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._sent[sent.mid] = answer
        try:
            return await answer
        finally:
            self._sent.pop(sent.mid, None)

    def _keep_states(self) -> None:
        if self._status is None:
            return
        options = self._options
        wanted = self._topics.states(self._status, options.source)
        if options.home_assistant is not None:
            wanted |= self._discovery(self._status, options.home_assistant)
        # Last: whoever sees it finds all the rest.
        self._keep({**wanted, self._topics.availability: ONLINE})

    def _discovery(self, status: Status, root: str) -> dict[str, str]:
        key = (status.get("version", ""), *status.get("sources", {}))
        if self._described[0] != key:
            options = self._options
            found = discovery(
                self._topics,
                status,
                node=options.node,
                name="heard",
                root=root,
                commands=options.commands,
                only=options.source,
            )
            self._described = (key, found)
        return self._described[1]

    def _keep(self, payloads: dict[str, str]) -> None:
        """Publish what has changed, for the broker to keep; what cannot be sent now is sent on connecting."""
        for topic, payload in payloads.items():
            if self._connected and self._kept.get(topic) != payload:
                self._client.publish(topic, payload, qos=1, retain=True)
                self._kept[topic] = payload

    def _offer(self, topic: str, payload: bytes) -> None:
        """Publish what is worth nothing later."""
        if self._connected:
            self._client.publish(topic, payload, properties=_json())


def _json() -> Properties:
    """Return the properties of a JSON payload (MQTT 5, 3.3.2.3)."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
    properties.ContentType = "application/json"
    properties.PayloadFormatIndicator = 1
    return properties


async def _done(daemon: AsyncControl, command: Command) -> None:
    match command.what:
        case "mute":
            await (daemon.mute if command.value else daemon.unmute)(command.source)
        case "mix":
            await daemon.set(command.source, "denoise.mix", command.value)


def _lost(code: ReasonCode) -> str:
    """Return why a connection ended; where nobody said, paho calls it an unspecified error."""
    return "connection lost" if code.value == UNSPECIFIED else str(code)


def _reason(error: BaseException | None) -> str:
    """Return what paho's own error says, for a person."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "cannot connect"
