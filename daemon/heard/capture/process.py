"""The shell of the capture stage: makes the stations, and moves their blocks to the pipe."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import zmq

from heard.capture.inputs import Inputs
from heard.capture.listing import Listing, ListingError
from heard.capture.lost import InputRefusedError
from heard.capture.sleep import Sleep
from heard.capture.source import Now
from heard.capture.spool import Spool
from heard.capture.station import Station
from heard.pipes import EVENTS, POSITIONS, RAW
from heard.settings import Source
from heard.stage import Stage
from heard.wire.codec import Body, WireError
from heard.wire.control import Code, ControlError
from heard.wire.events import Event
from heard.wire.positions import Position, Replay, unpack_position
from heard.wire.report import Answer, Order
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

TICK_S = 0.02
DRAIN_S = 2.5
"""Longest wait for what is retained to be settled once stopped; the rest is dropped as `shutdown`."""
BLOCKS_PER_TICK = 64
"""Of one source, so that a long replay does not keep the others waiting."""
POSITIONS_PER_TICK = 1000
SAY_EVERY = 1000
"""Of unreadable messages one in so many is logged; all are counted."""


class Capture:
    """The role of the capture stage.

    Raises:
        InputRefusedError: a source can never be read as it is configured.
        RingTakenError: another process has a source's ring.
    """

    def __init__(self, stage: Stage, runtime_dir: Path) -> None:
        self._stage = stage
        self._inputs = Inputs(stage.settings.capture)
        # First of all: while an earlier process has a ring, its sockets must not be taken either.
        self._spool = Spool(stage.settings, runtime_dir, stage.run_id)
        self._finished = False
        self._events = stage.pipes.push(EVENTS)
        self.stations = {source.name: self._station(source) for source in stage.settings.source}
        self._tracks = {name: station.track for name, station in self.stations.items()}
        self._spool.tell_strays(self._tracks)
        self._raw = stage.pipes.push(RAW)
        self._positions = stage.pipes.pull(POSITIONS)
        self._counters = {"events_dropped": 0, "positions_unreadable": 0}
        self._sleep = Sleep()
        self._listing: Listing | None = None
        self._askers: list[int] = []
        """Orders that wait for the list of devices, by number."""
        self._ready = False
        self._drain_until: float | None = None
        self._first = 0
        stage.on(self._positions, self._take_positions)
        now = _now()
        for station in self.stations.values():
            station.open(now)

    def tick(self, now: float) -> None:
        """Read every input and send what the pipe takes."""
        slept_s = self._sleep.slept_s(*_clocks())
        at = _now()
        for station in self.stations.values():
            if slept_s:
                station.wake(slept_s, at)
            station.tick(at)
            station.report_losses()
            station.track.commit()
        self._answer_lookers(now)
        self._stage.fault("spool", self._spool.look_after(self._tracks, now))
        self._send()
        if not self._ready and all(station.settled for station in self.stations.values()):
            self._ready = True
            self._stage.ready()

    def order(self, order: Order) -> Body | None:
        """Mute or unmute a source, or all; list the devices, which takes its time."""
        if order.op == "devices":
            self._look(order)
            return None
        if order.op not in ("mute", "unmute"):
            text = f"capture does not know {order.op!r}: devices, mute and unmute are"
            raise ControlError(Code.UNKNOWN_OP, text)
        if order.source and order.source not in self.stations:
            names = ", ".join(self.stations)
            raise ControlError(Code.UNKNOWN_SOURCE, f"no source {order.source!r}; there are: {names}")
        now = _now()
        asked = [self.stations[order.source]] if order.source else list(self.stations.values())
        for station in asked:
            if order.op == "mute":
                station.mute(now)
            else:
                station.unmute(now)
            station.track.commit()
        return {"sources": {station.name: station.answer for station in asked}}

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the sources' parts of the status."""
        for name, station in self.stations.items():
            try:
                station.track.record.ledger.check()
            except AssertionError as error:
                log.error("%s: the ledger does not add up, which is a bug: %s", name, error)
        counters = dict(self._counters)
        counters["clipped"] = sum(station.track.record.clipped for station in self.stations.values())
        return {name: station.status() for name, station in self.stations.items()}, {}, counters

    def stop(self) -> None:
        """Close the inputs at once; what is retained is still sent."""
        for station in self.stations.values():
            station.stop()
        self._drain_until = time.monotonic() + DRAIN_S

    def drained(self) -> bool:
        """Whether all is sent and settled, or the time for that is over.

        What is left then stays on the disk for the next run, where it is retained there; else it is dropped.
        """
        tracks = self._tracks.values()
        self._finished = all(
            not track.record.ledger.pending and track.next_block() is None for track in tracks
        )
        if self._finished or self._drain_until is None or time.monotonic() < self._drain_until:
            return self._finished
        if not self._spool.lasts:
            for station in self.stations.values():
                station.track.drop(0, station.track.next, "shutdown")
                station.report_losses()
        self._finished = True
        return True

    def close(self) -> None:
        """Let go of the rings; at the end of a run nothing stays but what is still to be delivered."""
        if self._listing is not None:
            self._listing.end()
        for track in self._tracks.values():
            track.commit()
        if self._finished:
            self._spool.finish(self._tracks)
        for track in self._tracks.values():
            track.close()

    def _station(self, source: Source) -> Station:
        retention_s = self._stage.settings.capture.retention_s
        try:
            track = self._spool.track(source.name)
        except OSError as error:
            raise InputRefusedError(
                f"{source.name}: {error.strerror}: no room to retain {retention_s:g} s (capture.retention_s)"
            ) from None
        return Station(
            source,
            self._inputs.of(source, track),
            track,
            retention_s=retention_s,
            muted=source.name in self._stage.muted,
            publish=self._publish,
        )

    def _look(self, order: Order) -> None:
        """Begin to list the devices for `order`, or let it share what is under way."""
        if self._listing is None:
            try:
                self._listing = Listing(time.monotonic())
            except OSError as error:
                raise ControlError(Code.NOT_AVAILABLE, f"no process can be started: {error}") from None
        self._askers.append(order.number)

    def _answer_lookers(self, now: float) -> None:
        if self._listing is None:
            return
        try:
            found = self._listing.result(now)
        except ListingError as error:
            answer = Answer(0, code=Code.NOT_AVAILABLE, message=str(error))
        else:
            if found is None:
                return
            answer = Answer(0, {"devices": list(found)})
        for number in self._askers:
            self._stage.answer(replace(answer, number=number))
        self._askers.clear()
        self._listing = None

    def _send(self) -> None:
        """Send what the pipe takes, one block of each source in turn."""
        turns = deque(self.stations.values())
        turns.rotate(self._first)
        self._first += 1
        for _ in range(BLOCKS_PER_TICK * len(turns)):
            if not turns:
                return
            station = turns.popleft()
            block = station.track.next_block()
            if block is None:
                continue
            at = time.time()
            try:
                self._raw.send(replace(block, handed=at).pack(), zmq.NOBLOCK)
            except zmq.Again:
                return
            station.track.sent(block)
            station.handed(block, at)
            turns.append(station)

    def _publish(self, topic: Topic, source: str, body: Body) -> None:
        self._stage.changed()
        try:
            self._events.send(Event(topic, source, body).pack(), zmq.NOBLOCK)
        except zmq.Again:
            self._counters["events_dropped"] += 1

    def _take_positions(self) -> None:
        for _ in range(POSITIONS_PER_TICK):
            try:
                data = self._positions.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                self._take_position(unpack_position(data))
            except WireError as error:
                self._counters["positions_unreadable"] += 1
                if self._counters["positions_unreadable"] % SAY_EVERY == 1:
                    log.warning("unreadable position: %s", error)

    def _take_position(self, position: Position) -> None:
        if not position.source and isinstance(position, Replay):
            for station in self.stations.values():
                station.track.take(position)
        elif position.source in self.stations:
            self.stations[position.source].track.take(position)
        else:
            raise WireError(f"no source {position.source!r}")


def _clocks() -> tuple[float, float, float]:
    return time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic()


def _now() -> Now:
    return Now(time.monotonic(), time.time())
