"""The readers of what comes from outside a process, each with the core behind it.

`feed` takes one input, whatever it is. It raises nothing: an input that is refused is part of the work, any
exception a finding. Each checks besides that what it would send on can be read by whom it is for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from heard.capture.blocks import Track, ring_samples
from heard.capture.record import Record
from heard.capture.ring import Ring, ring_bytes
from heard.publish.bodies import check, check_settlement, complete
from heard.publish.once import KIND, SLOT_BYTES, Once
from heard.publish.slots import Slots
from heard.settings import Settings, Source
from heard.supervise.control import Control, Outbox
from heard.supervise.ops import Prepared
from heard.supervise.overview import Overview
from heard.upstream import outbox
from heard.wire.audio import Block
from heard.wire.codec import MAX_MESSAGE_BYTES, Body, WireError, pack, take, unpack
from heard.wire.control import Reply, Request
from heard.wire.events import Ack, Event
from heard.wire.positions import unpack_position
from heard.wire.report import Answer, Order, Report, unpack_from_stage
from heard.wire.topics import Topic
from heard_client.parsing import parse

from ..daemon.capture.made import RATE_HZ, hear
from ..daemon.upstream.world import World

CLIENT = b"client"
SETTINGS = Settings(source=(Source(name="mic"), Source(name="line")))
STEP_S = 0.01
RETENTION = RATE_HZ
MANY_EVENTS = 1000
KEPT_BLOCKS = 5000


class Target(Protocol):
    """One reader under fire."""

    def feed(self, data: bytes) -> None:
        """Take one input."""


class ControlSocket:
    """The control socket's core; a stage answers each order with what the request itself held."""

    def __init__(self) -> None:
        self._now = 0.0
        self._asked: list[Order] = []
        self._overview = Overview(SETTINGS, "run1")
        self._control = Control(
            SETTINGS,
            "run1",
            status=lambda: {"state": "ready", "publish": {"endpoint": "ipc:///run/heard/transcripts"}},
            up=lambda process: process != "publish",
            changed=lambda _op, _source, args: _readable(args),
            reload=lambda: Prepared({"mic": {}}, dict),
        )

    def feed(self, data: bytes) -> None:
        """Take a request; its first byte says in how many frames it comes, mostly in one."""
        cuts = data[0] % 8 if data else 0
        frames = [data] if cuts < 5 else [b"", data] if cuts < 7 else [data[:3], data[3:]]
        self._sent(self._control.take([CLIENT, *frames], self._now), 1)
        while self._asked:
            order = self._asked.pop()
            args = Order.unpack(order.pack()).args
            self._sent(self._control.answered(Answer(order.number, {"sources": args})), None)
        self._now += STEP_S
        self._sent(self._control.expire(self._now), None)

    def _sent(self, sent: Outbox, replies: int | None) -> None:
        for _, order in sent.orders:
            self._asked.append(order)
        for frames in sent.replies:
            assert frames[0] == CLIENT
            Reply.unpack(frames[-1])
        if replies is not None and not sent.orders:
            assert len(sent.replies) == replies, "a request gets one reply"


class Pipes:
    """What the stages and supervise read from each other: decoders, then those who act on what they read."""

    def __init__(self) -> None:
        self._overview = Overview(SETTINGS, "run1")
        self._once = Once(Slots(b"", "", KIND, SLOT_BYTES), "run1")
        self._outbox = outbox.Outbox(1, lambda _message: True)
        buffer = bytearray(ring_bytes(ring_samples(RETENTION)))
        self._track = Track("mic", Ring(buffer), Record("run1"), retention=RETENTION, block=320)
        self._fed = 0
        self._readers: tuple[Callable[[bytes], None], ...] = (
            self._report,
            self._event,
            self._position,
            lambda data: self._outbox.acknowledged(Ack.unpack(data)),
            lambda data: _readable(Order.unpack(data).args),
            lambda data: _readable(unpack(Block.unpack(data).pack())),
            lambda data: _readable({"reply": Reply.unpack(data).result}),
            _message,
        )

    def feed(self, data: bytes) -> None:
        """Give the bytes to every reader."""
        self._fed += 1
        if self._fed % MANY_EVENTS == 0:
            # There is always something to settle.
            hear(self._track, 320)
            self._outbox.keep(Event(Topic.SOURCE, "mic", {"event": "live"}))
        for reader in self._readers:
            with suppress(WireError):
                reader(data)

    def _report(self, data: bytes) -> None:
        message = unpack_from_stage(data)
        if isinstance(message, Report):
            self._overview.take(message)
            status = self._overview.status({}, 1.0)
            self._overview.done(status)
            json.dumps(status, default=repr)
            self._overview.forget(message.process)
            self._overview.reports.clear()

    def _event(self, data: bytes) -> None:
        event = Event.unpack(data)
        check(event)
        check_settlement(event)
        if event.topic is None:
            return
        if event.topic is Topic.FINAL:
            turn_id = take(event.body, "turn_id", str)
            self._once.meets("mic", turn_id.rpartition("-")[0])
            if not self._once.is_repeated("mic", turn_id, event.settles):
                self._once.publishes("mic", turn_id, event.settles)
        body = complete(event, "run1", 1, 1.0)
        if len(packed := pack(body)) <= MAX_MESSAGE_BYTES:
            assert parse(f"{event.topic}.mic", packed) is None or event.topic

    def _position(self, data: bytes) -> None:
        self._track.take(unpack_position(data))
        self._track.record.ledger.check()
        while (block := self._track.next_block()) is not None:
            self._track.sent(block)


class Service:
    """A source's line in the middle of a session; what is published of it must be fit for `publish`."""

    def __init__(self) -> None:
        self._world = World()
        self._world.run(0.2)

    def feed(self, data: bytes) -> None:
        """Let the service say one message, then let a moment pass."""
        world = self._world
        number = next(reversed(world._peers), None)
        if number is None or world._peers[number].gone:
            world.run(0.3)
        else:
            world.line.received(number, data, world.moment)
        world.run(STEP_S)
        for event in [*world.events, *world.offered]:
            check(event)
            check_settlement(event)
        world.line.status()
        self._forget()

    def _forget(self) -> None:
        """Drop what the world around the line has noted for tests that look at it afterwards."""
        world = self._world
        world.events.clear()
        world.offered.clear()
        world.positions.clear()
        del world.records[:-1], world._captured[:-KEPT_BLOCKS]
        for number in [number for number, peer in world._peers.items() if peer.gone]:
            del world._peers[number]


def _message(data: bytes) -> None:
    """Read as a subscriber does, under a topic that the bytes choose."""
    topics = [str(topic) for topic in Topic]
    topic = topics[len(data) % len(topics)]
    with suppress(ValueError):
        parse(topic if topic in ("status", "fault") else f"{topic}.mic", data)


def _readable(body: Body) -> None:
    """Send on what was read, and read it again."""
    Request.unpack(Request(1, "x", body).pack())


TARGETS: dict[str, Callable[[], Target]] = {"control": ControlSocket, "pipes": Pipes, "service": Service}
