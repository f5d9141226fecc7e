"""The shell of the upstream stage: pipes, connections and the clock around one `Line` per source."""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
import threading
import time
from collections import Counter, deque
from pathlib import Path
from random import Random
from types import TracebackType

import zmq

from heard.pipes import ACKS, CLEAN, EVENTS, POSITIONS
from heard.settings import WORKING_RATE_HZ
from heard.stage import Options, Stage
from heard.upstream.backoff import Failure, Kind, SessionBudget
from heard.upstream.configured import changed, got, line_config
from heard.upstream.connection import Incoming, Lost, Pong, Target, Text
from heard.upstream.happenings import Action
from heard.upstream.key import Key, KeyUnusableError, Scrub, find
from heard.upstream.leg import Moment
from heard.upstream.line import Line
from heard.upstream.outbox import Outbox
from heard.upstream.port import LineConfig
from heard.upstream.sockets import Sockets
from heard.wire.audio import Block
from heard.wire.codec import Body, WireError
from heard.wire.control import Code, ControlError
from heard.wire.events import Ack, Event
from heard.wire.positions import From, Position, Replay, pack_position
from heard.wire.report import Order

log = logging.getLogger(__name__)

TICK_S = 0.02
BLOCKS_AT_ONCE = 256
UNREAD_S = 10.0
"""A flood of unreadable messages is counted, and said once in so long."""
DRAIN_S = 0.8
"""Longest wait, once stopped, for the last words and for `publish` to acknowledge them."""
RECOGNIZER = "recognizer"
"""The local recognizer's unix socket below the runtime directory."""


class Upstream:
    """The role of the upstream process (`heard.stage.Role`), and the port of its lines."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._settings = stage.settings.upstream
        self._local = self._settings.service == "local"
        self._sockets = Sockets(self)
        self._clean = stage.pipes.pull(CLEAN)
        self._acks = stage.pipes.pull(ACKS)
        self._events = stage.pipes.push(EVENTS)
        self._positions = stage.pipes.push(POSITIONS)
        self._unsent: deque[bytes] = deque()
        self._counters: Counter[str] = Counter()
        self._complain_at = 0.0
        self._outbox = Outbox(time.monotonic_ns() // 1_000_000, self._send_event)
        self._numbers = itertools.count(1)
        self._owners: dict[int, Line] = {}
        self._late_failures: list[tuple[int, Failure]] = []
        self._offered: Key | None = None
        """The key that was offered last; masked in the log."""
        self._place = 0
        self._stopped_at: float | None = None
        self._budget = SessionBudget(None if self._local else self._settings.sessions_per_minute)
        rng = Random()  # noqa: S311  # jitter is no secret
        self._lines = {
            source.name: Line(self._config(source.name), self, self._budget, rng, self._numbers)
            for source in stage.settings.source
        }
        stage.on(self._clean, self._read_clean)
        stage.on(self._acks, self._read_acks)
        stage.on(self._sockets.wake, self._sockets.take_over)
        stage.on(self._sockets.descriptor, self._sockets.read)
        self.position(Replay("", From.SETTLED))
        stage.ready()

    def tick(self, now: float) -> None:
        """Do what is due."""
        moment = Moment(now, time.time())
        self._send_positions()
        self._outbox.flush()
        self._sockets.tick()
        failures, self._late_failures = self._late_failures, []
        for number, failure in failures:
            self.failed(number, failure)
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
                return got(self._settings, self._lines[order.source].terms, order.args)
            case "set" if order.source:
                line = self._lines[order.source]
                terms, result = changed(self._settings, line.terms, order.args)
                line.change(terms, f"set: {', '.join(result)}", _now())
                return result
            case _:
                raise ControlError(
                    Code.UNKNOWN_OP,
                    f"upstream does not know {order.op!r}: endpoint, reconnect, get and set of a source are",
                )

    def reload(self) -> None:
        """Take over the settings as they are now (`heard.stage.Reloads`)."""
        old, self._settings = self._settings, self._stage.settings.upstream
        if self._offered is not None and self._found_key() != self._offered:
            self._place += 1
        elif (old.url, old.ca_file) != (self._settings.url, self._settings.ca_file):
            self._place += not self._local
        if not self._local:
            self._budget.per_minute = self._settings.sessions_per_minute
        moment = _now()
        for name, line in self._lines.items():
            line.reconfigure(self._config(name), "reload: the configuration was changed", moment)

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the sources' parts of the status, and what was lost or odd."""
        counters = Counter(self._counters)
        counters["events_lost"] = self._outbox.lost
        for line in self._lines.values():
            counters.update(line.counters())
        own: Body = {
            "at": {name: line.taken for name, line in self._lines.items()},
            "sent": {name: line.sent for name, line in self._lines.items()},
        }
        return {name: line.status() for name, line in self._lines.items()}, own, dict(counters)

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
        self._sockets.close()
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
        self._sockets.connect(number, self._target(), query, key)

    def perform(self, number: int, action: Action) -> None:
        """Do what a session asks (`Port`)."""
        self._sockets.perform(number, action)

    def has_room(self, number: int) -> bool:
        """Say whether the connection takes more audio (`Port`)."""
        return self._sockets.has_room(number)

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

    def reached(self, number: int) -> None:
        """Take note that the service is there (`heard.upstream.sockets.Owner`)."""
        if (line := self._owners.get(number)) is not None:
            line.reached(number)
            self._tell_the_others(line)

    def connected(self, number: int) -> None:
        """Take note that a connection is open (`heard.upstream.sockets.Owner`)."""
        if (line := self._owners.get(number)) is not None:
            line.connected(number, _now())
            self._tell_the_others(line)

    def failed(self, number: int, failure: Failure) -> None:
        """Take note that a connection could not be made, or broke (`Owner`)."""
        if (line := self._owners.pop(number, None)) is not None:
            line.lost(number, failure, _now())

    def released(self, number: int) -> None:
        """Forget a connection (`Owner`)."""
        self._owners.pop(number, None)

    def incoming(self, number: int, message: Incoming) -> None:
        """Take what arrived (`Owner`)."""
        line = self._owners.get(number)
        if line is None:
            return
        match message:
            case Text(data):
                line.received(number, data, _now())
            case Pong():
                line.pong(number, _now())
            case Lost(failure):
                self._sockets.release(number)
                line.lost(number, failure, _now())

    def _tell_the_others(self, line: Line) -> None:
        """Let all lines know that the network is back as soon as one does."""
        moment = _now()
        for other in self._lines.values():
            if other is not line:
                other.there(moment)

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
        if key != self._offered:
            self._offered = key
            for handler in logging.getLogger().handlers:
                handler.addFilter(Scrub(key))
            # Python's own would print a trace past the log.
            sys.excepthook = _fell
            threading.excepthook = _fell_in_thread
        return key

    def _found_key(self) -> Key | None:
        try:
            return find(self._settings.api_key_file, os.environ)
        except KeyUnusableError:
            return None

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
        return line_config(source, self._stage.run_id, self._stage.settings, self._place)


def _fell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.critical("bug: this process ends", exc_info=(kind, error, trace))


def _fell_in_thread(fallen: threading.ExceptHookArgs) -> None:
    error = fallen.exc_value or fallen.exc_type()
    log.error("bug: a thread has ended", exc_info=(fallen.exc_type, error, fallen.exc_traceback))


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
