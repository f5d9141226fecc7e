"""The publish process: events in; the PUB socket, the journal, acknowledgements and settlements out.

For each event, in this order: its number is written down, a final goes into the journal and is noted as
published, the message is sent, `capture` hears what is settled, the sender hears that all this is done.
Whatever is killed in between is repeated by the sender and recognized here, or shows as a missing number.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path

import zmq

from heard.guard import Guard
from heard.meters import Latency
from heard.pipes import ACKS, EVENTS, POSITIONS, endpoint_of
from heard.publish import once, pages, seen, sequence
from heard.publish.bodies import check, check_settlement, complete
from heard.publish.journal import Journal
from heard.publish.lookup import Lookup, Task
from heard.publish.once import Once
from heard.publish.pages import Forget, Question
from heard.publish.seen import Seen
from heard.publish.sequence import Sequence
from heard.publish.slot_file import SlotFile, once_path
from heard.stage import Stage
from heard.wire.codec import Body, WireError, pack, take, take_or
from heard.wire.control import Code, ControlError
from heard.wire.events import Ack, Event
from heard.wire.positions import Settled, pack_position
from heard.wire.report import Order
from heard.wire.topics import Topic, full

log = logging.getLogger(__name__)

JOURNALLED = (Topic.FINAL, Topic.REVISED, Topic.GAP, Topic.UPSTREAM, Topic.SOURCE)
TICK_S = 0.05
BATCH = 256
"""Events handled before orders and reports have their turn."""
QUIET_S = 0.2
"""After `stop`, so long without an event means that none is on its way."""
STOP_S = 3.0
"""At most so long after `stop`."""
GRACE_S = 0.5
"""A publish whose socket is not the first waits this before it sends: subscribers take 0.2 s (libzmq's
default) to come back."""
NUMBERED = (Topic.FINAL, Topic.REVISED)
"""What a subscriber that missed it can have again; the status tells the newest number of each."""
COMPLAIN_S = 10.0
"""A flood of unreadable events is counted, and logged once in so many seconds."""


class Publisher:
    """The role of the publish process (`heard.stage.Role`)."""

    def __init__(self, stage: Stage) -> None:
        """Open files and sockets.

        Raises:
            OSError: a file cannot be made (zmq.ZMQError: the endpoint cannot be bound).
            EndpointTakenError, KeysUnusableError: likewise, over tcp://.
        """
        self._stage = stage
        self._settings = stage.settings.publish
        run, directory = stage.run_id, stage.pipes.runtime_dir
        self._sequence_file = SlotFile(directory / "publish.seq", run, sequence.KIND, sequence.SLOT_BYTES)
        self._seen_file = SlotFile(directory / "publish.seen", run, seen.KIND, seen.SLOT_BYTES)
        self._once_file = SlotFile(once_path(stage.settings, directory), "", once.KIND, once.SLOT_BYTES)
        self._slot_files = (self._sequence_file, self._seen_file, self._once_file)
        self._sequence = Sequence(self._sequence_file.slots)
        self._seen = Seen(self._seen_file.slots)
        self._once = Once(self._once_file.slots, run)
        self._journal: Journal | None = None
        self._lookup: Lookup | None = None
        if self._settings.journal:
            writing = threading.Lock()
            self._journal = Journal(Path(stage.settings.state_dir), time.time(), writing)
            self._lookup = Lookup(self._journal.path, self._settings, writing)
            stage.on(self._lookup.descriptor, self._looked_up)
        self._guard = Guard(stage.settings)
        self._publisher = stage.pipes.publisher(self._settings.endpoint, self._guard)
        self._endpoint = self._settings.endpoint
        if self._endpoint.startswith("tcp://"):
            self._endpoint = endpoint_of(self._publisher)
            log.info("transcripts are published on %s", self._endpoint)
        self._events = stage.pipes.pull(EVENTS)
        self._acks = stage.pipes.push(ACKS)
        self._positions = stage.pipes.push(POSITIONS)
        self._unsent: deque[Settled] = deque(self._once.settled())
        self._counters: Counter[str] = Counter()
        self._latency: dict[str, dict[str, Latency]] = {}
        self._complaints = 0
        self._complain_at = 0.0
        self._last_event = 0.0
        self._stopped_at: float | None = None
        stage.on(self._events, self._read)
        self._begin_at = 0.0
        if self._sequence_file.slots.continued:
            self._wait_for_subscribers()
        self._acknowledge(Ack(0, fresh=True))
        stage.ready()

    def tick(self, now: float) -> None:
        """Send what was kept; let the journal heal."""
        if self._begin_at and now >= self._begin_at:
            self._begin_at = 0.0
            self._stage.resume(self._events)
        self._send_positions()
        if self._journal is not None:
            self._journal.tick(time.time())
            self._stage.fault("journal", self._journal.trouble)
        self._stage.fault("state", next((each.trouble for each in self._slot_files if each.trouble), None))
        if self._complaints and now >= self._complain_at:
            log.warning("%d more unreadable events", self._complaints)
            self._complaints = 0
            self._complain_at = now + COMPLAIN_S

    def order(self, order: Order) -> None:
        """Ask the journal (ops `history`, `search`, `forget`); the answer follows.

        Raises:
            ControlError: there is no journal, or an argument is wrong.
        """
        if order.op not in ("history", "search", "forget"):
            raise ControlError(Code.UNKNOWN_OP, f"publish does not know {order.op!r}")
        if self._journal is None or self._lookup is None:
            text = (
                "no journal is kept: set `publish.journal = true` in the configuration, and start heard again"
            )
            raise ControlError(Code.NOT_AVAILABLE, text)
        wanted: Question | Forget
        match order.op:
            case "history":
                wanted = pages.history(order.args, self._stage.run_id)
            case "search":
                wanted = pages.search(order.args)
            case _:
                wanted = pages.to_forget(order.args)
                if not wanted.dry_run:
                    wanted = replace(wanted, finals=self._journal.forget_waiting(wanted.span))
        names = tuple(source.name for source in self._stage.settings.source)
        self._lookup.ask(Task(order.number, wanted, names))

    def _looked_up(self) -> None:
        if self._lookup is None or self._journal is None:
            return
        answers, removed = self._lookup.taken()
        self._journal.rows -= removed
        if removed:
            self._stage.changed()
        for answer in answers:
            self._stage.answer(answer)

    def reload(self) -> None:
        """Take over the settings as they are now (`heard.stage.Reloads`)."""
        if self._guard.reload():
            self._publisher = self._stage.pipes.publisher(
                endpoint_of(self._publisher), self._guard, instead_of=self._publisher
            )
            self._wait_for_subscribers()

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the latency of finals by source, how much was published, and faults."""
        sources: dict[str, Body] = {
            source: {"latency_ms": {stage: meter.quantiles() for stage, meter in meters.items()}}
            for source, meters in self._latency.items()
        }
        own: Body = {
            "endpoint": self._endpoint,
            "published": self._sequence.total,
            "journal_rows": self._journal.rows if self._journal else 0,
            "seq": self._sequence.last(NUMBERED),
        }
        faults = self._counters | Counter(refused_connections=self._guard.refused())
        faults |= Counter(state_faults=sum(each.faults for each in self._slot_files))
        if self._journal is not None:
            faults |= Counter(journal_faults=self._journal.faults, journal_lost=self._journal.lost)
        if self._lookup is not None:
            faults |= Counter(journal_chore_faults=self._lookup.faults)
        return sources, own, dict(faults)

    def stop(self) -> None:
        """Begin to drain: what is on its way is still published."""
        self._stopped_at = self._last_event = time.monotonic()
        if self._begin_at:
            self._begin_at = 0.0
            self._stage.resume(self._events)
        # Their readers have gone before us; what they should know is in our files.
        self._acks.linger = self._positions.linger = 0

    def drained(self) -> bool:
        """Whether no event came for a while since `stop`."""
        if self._events.poll(0):
            return False  # a machine that stood still has not read what it was given; its senders have ended
        now = time.monotonic()
        if self._stopped_at is None or now < min(self._last_event + QUIET_S, self._stopped_at + STOP_S):
            return False
        self.close()
        return True

    def close(self) -> None:
        """Close the files; the sockets are the stage's."""
        if self._lookup is not None:
            self._lookup.close()
            self._lookup = None
        if self._journal is not None:
            self._journal.close()

    def _wait_for_subscribers(self) -> None:
        """Publish nothing for a moment: those that a socket before this one had come back."""
        self._begin_at = time.monotonic() + GRACE_S
        self._stage.pause(self._events)

    def _read(self) -> None:
        for _ in range(BATCH):
            try:
                data = self._events.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._last_event = time.monotonic()
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Handle one event; one that cannot be used is counted, and acknowledged where that can be."""
        number = 0
        try:
            event = Event.unpack(data)
            number = event.number
            check(event)
            check_settlement(event)
            self._handle(event)
        except WireError as error:
            self._counters["unreadable_events"] += 1
            if time.monotonic() < self._complain_at:
                self._complaints += 1
            else:
                log.error("unreadable event dropped: %s", error)
                self._complain_at = time.monotonic() + COMPLAIN_S
        if number > 0:
            # Unusable or not: it is not wanted a second time.
            self._acknowledge(Ack(number))

    def _handle(self, event: Event) -> None:
        if event.topic is Topic.FINAL or event.settles is not None:
            for settled in self._once.meets(event.source, self._turns(event)):
                self._settled(settled)
        if event.topic is Topic.FINAL:
            self._final(event)
        else:
            if event.settles is not None:
                self._once_file.write(self._once.settles(event.source, event.settles))
            if event.number in self._seen:
                self._counters["repeated_events"] += 1
            elif self._is_wanted(event):
                self._publish(event)
        if event.settles is not None:
            settles = event.settles
            self._settled(Settled(event.source, settles.start, settles.stop, settles.anchor))

    def _turns(self, event: Event) -> str:
        """Return what the ids of a source's turns begin with: a final's own does, silence says it."""
        if event.topic is Topic.FINAL:
            return take(event.body, "turn_id", str).rpartition("-")[0]
        return take_or(event.body, "turns", str, f"{self._stage.run_id}-{event.source}")

    def _is_wanted(self, event: Event) -> bool:
        match event.topic:
            case None:
                return False
            case Topic.PARTIAL:
                return self._settings.partials
            case Topic.AUDIO:
                return self._settings.audio
            case _:
                return True

    def _final(self, event: Event) -> None:
        turn_id = take(event.body, "turn_id", str)
        if self._once.is_repeated(event.source, turn_id, event.settles):
            self._counters["repeated_finals"] += 1
            log.info("%s: turn %s was published before", event.source, turn_id)
            if event.settles is not None:
                self._once_file.write(self._once.settles(event.source, event.settles))
            return
        body = self._publish(event)
        meters = self._latency.setdefault(event.source, {"publish": Latency(), "total": Latency()})
        trace = take(body, "latency_ms", dict)
        for stage, meter in meters.items():
            meter.add(take(trace, stage, float))

    def _publish(self, event: Event) -> Body:
        """Give an event its number and send it; what is kept goes into the journal before."""
        topic = event.topic
        assert topic is not None, "only what has a topic is published"
        name = full(topic, event.source)
        seq, write = self._sequence.next(name)
        self._sequence_file.write(write)
        now = time.time()
        body = complete(event, self._stage.run_id, seq, now)
        if self._journal is not None and topic in JOURNALLED:
            self._journal.append(topic, body, now)
        if topic is Topic.FINAL:
            turn_id = take(body, "turn_id", str)
            self._once_file.write(self._once.publishes(event.source, turn_id, event.settles))
        elif event.number:
            self._seen_file.write(self._seen.publishes(event.number))
        self._publisher.send_multipart([name.encode(), pack(body)], zmq.NOBLOCK)
        return body

    def _settled(self, settled: Settled) -> None:
        last = self._unsent[-1] if self._unsent else None
        if last is not None and last.source == settled.source and last.stop == settled.start:
            # While `capture` does not read, one message says it all.
            self._unsent[-1] = Settled(settled.source, last.start, settled.stop, settled.anchor)
        else:
            self._unsent.append(settled)
        self._send_positions()

    def _send_positions(self) -> None:
        while self._unsent:
            try:
                self._positions.send(pack_position(self._unsent[0]), zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _acknowledge(self, ack: Ack) -> None:
        try:
            self._acks.send(ack.pack(), zmq.NOBLOCK)
        except zmq.Again:
            # Its reader is away for long; what is acknowledged later covers this one.
            self._counters["dropped_acks"] += 1
