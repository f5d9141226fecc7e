"""The shell of the upstream stage: pipes, connections and the clock around one `Line` per source."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import select
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from random import Random

import zmq

from heard.pipes import ACKS, CLEAN, EVENTS, POSITIONS
from heard.settings import WORKING_RATE_HZ
from heard.settings import Upstream as Settings
from heard.stage import Options, Stage
from heard.upstream.backoff import Failure, Kind, SessionBudget
from heard.upstream.connection import Connection, Lost, Pong, Target, Text
from heard.upstream.happenings import Action
from heard.upstream.key import Key, KeyUnusableError, Scrub, find
from heard.upstream.leg import Moment
from heard.upstream.line import Line
from heard.upstream.outbox import Outbox
from heard.upstream.pace import CATCH_UP
from heard.upstream.port import LineConfig
from heard.upstream.session import Limits
from heard.wire.audio import Block
from heard.wire.codec import Body, WireError, take
from heard.wire.control import Code, ControlError
from heard.wire.events import Ack, Event
from heard.wire.positions import From, Position, Replay, pack_position
from heard.wire.report import Order
from heard.wire.v3_params import LIVE, RULES, check_param

log = logging.getLogger(__name__)

TICK_S = 0.02
BLOCKS_AT_ONCE = 256
UNREAD_S = 10.0
"""A flood of unreadable messages is counted, and said once in so long."""
DRAIN_S = 0.8
"""Longest wait, once stopped, for the last words and for `publish` to acknowledge them."""
RECOGNIZER = "recognizer"
"""The local recognizer's unix socket below the runtime directory."""
LOCAL_PONG_S = 30.0
"""The local recognizer may be busy for long; that it is gone shows at once on its socket."""
LOCAL_START_S = 20.0
"""It is started with the daemon and loads a model first: no outage yet."""
LOCAL_LIVE_FIRST_S = 15.0
LIVE_FIRST_S = 3.0
"""A backlog shorter than this is caught up in order: sooner done than a second session is open. The local
recognizer is several times faster than real time."""
CONNECT_SPARE_S = 5.0
LOCAL_PARAMS: dict[str, object] = {"session_heartbeat": True, "acknowledge_silence": True}
"""What settles silence sooner; the local recognizer knows both."""
PREFIX = "upstream."


class Upstream:
    """The role of the upstream process (`heard.stage.Role`), and the port of its lines."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._settings = stage.settings.upstream
        self._local = self._settings.service == "local"
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._clean = stage.pipes.pull(CLEAN)
        self._acks = stage.pipes.pull(ACKS)
        self._events = stage.pipes.push(EVENTS)
        self._positions = stage.pipes.push(POSITIONS)
        self._unsent: deque[bytes] = deque()
        self._counters: Counter[str] = Counter()
        self._complain_at = 0.0
        self._outbox = Outbox(time.time_ns() // 1_000_000, self._send_event)
        self._numbers = itertools.count(1)
        self._connecting: dict[int, Connection] = {}
        self._open: dict[int, Connection] = {}
        self._descriptors: dict[int, int] = {}
        self._owners: dict[int, Line] = {}
        self._late_failures: list[tuple[int, Failure]] = []
        self._scrubbed: Key | None = None
        self._stopped_at: float | None = None
        budget = SessionBudget(None if self._local else self._settings.sessions_per_minute)
        rng = Random()  # noqa: S311  # jitter is no secret
        self._lines = {
            source.name: Line(self._config(source.name), self, budget, rng, self._numbers)
            for source in stage.settings.source
        }
        stage.on(self._clean, self._read_clean)
        stage.on(self._acks, self._read_acks)
        stage.on(self._wake, self._connected)
        stage.on(self._epoll.fileno(), self._read_sockets)
        self.position(Replay("", From.SETTLED))
        stage.ready()

    def tick(self, now: float) -> None:
        """Do what is due."""
        moment = Moment(now, time.time())
        self._send_positions()
        self._outbox.flush()
        for number, connection in list(self._open.items()):
            if connection.more():
                self._receive(number)
            if connection.closed or connection.over:
                self._release(number)
        failures, self._late_failures = self._late_failures, []
        for number, failure in failures:
            self._owners.pop(number).lost(number, failure, moment)
        states = {name: line.state for name, line in self._lines.items()}
        for line in self._lines.values():
            line.tick(moment)
        if any(line.state != states[name] for name, line in self._lines.items()):
            self._stage.changed()

    def order(self, order: Order) -> Body:
        """Carry out `endpoint`, `reconnect`, `get` and `set`."""
        if order.source and order.source not in self._lines:
            names = ", ".join(self._lines)
            raise ControlError(Code.UNKNOWN_SOURCE, f"no source {order.source!r}; there are: {names}")
        asked = {order.source: self._lines[order.source]} if order.source else self._lines
        match order.op:
            case "endpoint":
                return {"sources": {name: line.endpoint() for name, line in asked.items()}}
            case "reconnect":
                moment = _now()
                return {"sources": {name: line.reconnect(moment) for name, line in asked.items()}}
            case "get" if order.source:
                return self._get(self._lines[order.source], order.args)
            case "set" if order.source:
                return self._set(self._lines[order.source], order.args)
            case _:
                raise ControlError(
                    Code.UNKNOWN_OP,
                    f"upstream does not know {order.op!r}: endpoint, reconnect, get and set of a source are",
                )

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the sources' parts of the status, and what was lost or odd."""
        counters = Counter(self._counters)
        counters["events_lost"] = self._outbox.lost
        for line in self._lines.values():
            counters.update(line.counters())
        return {name: line.status() for name, line in self._lines.items()}, {}, dict(counters)

    def stop(self) -> None:
        """Ask every session for its last words."""
        self._stopped_at = time.monotonic()
        self._read_clean()
        for line in self._lines.values():
            line.stop()

    def drained(self) -> bool:
        """Whether the last words are published, or the time for that is over."""
        if self._stopped_at is None:
            return False
        late = time.monotonic() >= self._stopped_at + DRAIN_S
        if not late and (
            self._outbox.unacknowledged or not all(line.drained for line in self._lines.values())
        ):
            return False
        if self._outbox.unacknowledged:
            log.warning("%d events are not acknowledged by publish", self._outbox.unacknowledged)
        for number in [*self._connecting, *self._open]:
            self._release(number)
        return True

    def open(self, source: str, number: int, query: str) -> None:
        """Begin to connect (`heard.upstream.port.Port`)."""
        self._owners[number] = self._lines[source]
        key: Key | None = None
        if not self._local:
            try:
                key = self._key()
            except KeyUnusableError as error:
                # Told from the next turn of the loop: the line is in the middle of opening this session.
                self._late_failures.append((number, Failure(Kind.KEY, str(error))))
                return
        self._connecting[number] = Connection(self._target(), query, key, self._wake)

    def perform(self, number: int, action: Action) -> None:
        """Do what a session asks (`Port`)."""
        connection = self._open.get(number)
        if connection is None:
            self._release(number)
            return
        connection.perform(action)
        self._watch(number)

    def has_room(self, number: int) -> bool:
        """Say whether the connection takes more audio (`Port`)."""
        connection = self._open.get(number)
        return connection is not None and connection.has_room

    def keep(self, event: Event) -> None:
        """Publish an event that matters (`Port`)."""
        self._outbox.keep(event)

    def offer(self, event: Event) -> None:
        """Publish an event that may be lost (`Port`)."""
        self._outbox.offer(event)

    def position(self, position: Position) -> None:
        """Tell `capture` (`Port`); kept while its pipe is full."""
        self._unsent.append(pack_position(position))
        self._send_positions()

    def _read_clean(self) -> None:
        for _ in range(BLOCKS_AT_ONCE):
            try:
                data = self._clean.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                block = Block.unpack(data)
            except WireError as error:
                self._unreadable("block", error)
                continue
            line = self._lines.get(block.source)
            if line is None or block.rate_hz != WORKING_RATE_HZ:
                self._unreadable(
                    "block", WireError(f"source {block.source!r} at {block.rate_hz} Hz is not ours")
                )
                continue
            line.block(block, _now())

    def _read_acks(self) -> None:
        while True:
            try:
                data = self._acks.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._outbox.acknowledged(Ack.unpack(data))
            except WireError as error:
                self._unreadable("acknowledgement", error)

    def _connected(self) -> None:
        """Take over the connections whose threads are done."""
        os.eventfd_read(self._wake)
        for number, connection in list(self._connecting.items()):
            outcome = connection.outcome
            if outcome is None:
                continue
            del self._connecting[number]
            if isinstance(outcome, Failure):
                line = self._owners[number]
                self._release(number)
                line.lost(number, outcome, _now())
                continue
            self._open[number] = connection
            self._descriptors[connection.descriptor] = number
            self._epoll.register(connection.descriptor, select.EPOLLIN)
            self._owners[number].connected(number, _now())
            # Begin may have come with the last bytes of the handshake.
            self._receive(number)

    def _read_sockets(self) -> None:
        for descriptor, events in self._epoll.poll(0):
            number = self._descriptors.get(descriptor)
            if number is None:
                continue
            if events & select.EPOLLOUT:
                self._open[number].flush()
                self._watch(number)
            if events & ~select.EPOLLOUT:
                self._receive(number)

    def _receive(self, number: int) -> None:
        connection = self._open.get(number)
        line = self._owners.get(number)
        if connection is None or line is None:
            return
        moment = _now()
        for incoming in connection.receive():
            match incoming:
                case Text(data):
                    line.received(number, data, moment)
                case Pong():
                    line.pong(number, moment)
                case Lost(failure):
                    self._release(number)
                    line.lost(number, failure, moment)

    def _watch(self, number: int) -> None:
        """Be told when the peer reads again, while something waits for it."""
        connection = self._open.get(number)
        if connection is None:
            return
        if connection.closed:
            self._release(number)
            return
        waits = select.EPOLLOUT if connection.unsent else 0
        self._epoll.modify(connection.descriptor, select.EPOLLIN | waits)

    def _release(self, number: int) -> None:
        """Forget a connection."""
        connection = self._connecting.pop(number, None) or self._open.pop(number, None)
        self._owners.pop(number, None)
        if connection is None:
            return
        for descriptor in [fd for fd, owner in self._descriptors.items() if owner == number]:
            del self._descriptors[descriptor]
            with suppress(OSError, ValueError):
                # Closing a socket takes it out of the epoll set already.
                self._epoll.unregister(descriptor)
        connection.release()

    def _send_event(self, message: bytes) -> bool:
        try:
            self._events.send(message, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _send_positions(self) -> None:
        while self._unsent:
            try:
                self._positions.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _unreadable(self, what: str, error: WireError) -> None:
        self._counters[f"unreadable_{what}s"] += 1
        if time.monotonic() >= self._complain_at:
            self._complain_at = time.monotonic() + UNREAD_S
            log.warning("unreadable %s dropped: %s", what, error)

    def _key(self) -> Key:
        """Return the key as it is now (it may have been replaced), masked in the log from here on."""
        key = find(self._settings.api_key_file, os.environ)
        if key != self._scrubbed:
            self._scrubbed = key
            for handler in logging.getLogger().handlers:
                handler.addFilter(Scrub(key))
        return key

    def _target(self) -> Target:
        settings = self._settings
        if self._local:
            return Target(
                "ws://localhost/v3/ws",
                self._stage.pipes.path(RECOGNIZER),
                timeout_s=settings.connect_timeout_s,
            )
        return Target(settings.url, ca_file=settings.ca_file, timeout_s=settings.connect_timeout_s)

    def _config(self, source: str) -> LineConfig:
        settings = self._settings
        pong_s = LOCAL_PONG_S if self._local else Limits().pong_s
        return LineConfig(
            source=source,
            run=self._stage.run_id,
            service=settings.service,
            model=settings.speech_model,
            params={**(LOCAL_PARAMS if self._local else {}), **settings.params},
            rate_hz=WORKING_RATE_HZ,
            frame_ms=settings.frame_ms,
            retention_s=self._stage.settings.capture.retention_s,
            rotate_before_s=settings.rotate_before_s,
            partials=self._stage.settings.publish.partials,
            live_first_s=_live_first_s(settings),
            start_s=LOCAL_START_S if self._local else 0.0,
            pace=None if self._local else CATCH_UP,
            limits=Limits(
                # The connection's own limit comes first and says more; this one is for DNS.
                connect_s=settings.connect_timeout_s + CONNECT_SPARE_S,
                begin_s=settings.connect_timeout_s,
                pong_s=pong_s,
            ),
        )

    def _get(self, line: Line, args: Body) -> Body:
        settings = self._settings
        values: Body = {
            "service": settings.service,
            "speech_model": settings.speech_model,
            "frame_ms": settings.frame_ms,
            "catch_up": settings.catch_up,
            **line.get(),
        }
        named: Body = {PREFIX + name: value for name, value in values.items()}
        if "key" not in args:
            return named
        key = _key_of(args)
        if key in named:
            return {key: named[key]}
        if key.removeprefix(PREFIX) in RULES:
            raise ControlError(Code.BAD_VALUE, f"{key}: not set; the service's own default is in force")
        raise ControlError(Code.BAD_VALUE, f"unknown key {key!r}: there are {', '.join(sorted(named))}")

    def _set(self, line: Line, args: Body) -> Body:
        key = _key_of(args)
        name, value = key.removeprefix(PREFIX), args.get("value")
        if name not in LIVE:
            if name in RULES or hasattr(self._settings, name):
                raise ControlError(
                    Code.BAD_VALUE,
                    f"{key}: is fixed when a session is opened; change the configuration and start anew",
                )
            known = ", ".join(PREFIX + each for each in sorted(LIVE))
            raise ControlError(Code.BAD_VALUE, f"unknown key {key!r}: can be set: {known}")
        if (error := check_param(name, value)) is not None:
            raise ControlError(Code.BAD_VALUE, PREFIX + error)
        line.set(name, value)
        return {key: value}


def _live_first_s(settings: Settings) -> float | None:
    if settings.catch_up == "in-order":
        return None
    return LOCAL_LIVE_FIRST_S if settings.service == "local" else LIVE_FIRST_S


def _key_of(args: Body) -> str:
    try:
        return take(args, "key", str)
    except WireError as error:
        raise ControlError(Code.BAD_REQUEST, str(error)) from None


def _now() -> Moment:
    return Moment(time.monotonic(), time.time())


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="heard.upstream", description="Talk to the speech-to-text service (started by heard run)."
    )
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    stage = Stage("upstream", Options(options.runtime_dir, options.lifeline))
    return stage.run(Upstream(stage), TICK_S)
