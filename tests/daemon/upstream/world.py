"""A line and a scripted service in simulated time: minutes of audio and every fault in a second."""

import heapq
import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import inf
from random import Random
from typing import Literal
from urllib.parse import parse_qsl

from heard.upstream.backoff import Failure, Kind, SessionBudget
from heard.upstream.happenings import Abort, Action, Close, SendAudio, SendPing, SendText
from heard.upstream.leg import Moment
from heard.upstream.line import Line
from heard.upstream.port import LineConfig
from heard.upstream.terms import Terms
from heard.wire.audio import Block, End
from heard.wire.codec import Body
from heard.wire.events import Event
from heard.wire.positions import Position, Refused
from heard.wire.topics import Topic

from ...support import v3_server
from ...support.coded_audio import coded
from ...support.v3_server import Break, Plan, Record, Script, turns_of_five

RATE_HZ = 16000
BLOCK = 320
UTC = 1_700_000_000.0
DELAY_S = 0.03
CONNECT_S = 10.0
"""An attempt to connect is given up after so long."""
SYN_S = (0.0, 1.0, 3.0, 7.0, 15.0)
"""When Linux sends a SYN that nobody answers."""
STEP_S = 0.01

CONFIG = LineConfig(
    source="mic",
    run="run-1",
    service="assemblyai",
    terms=Terms("u3-rt-pro"),
    rate_hz=RATE_HZ,
    frame_ms=50,
    retention_s=60,
    rotate_before_s=90,
    idle_close_s=0,
    partials=True,
    live_first_s=None,
    start_s=0.0,
    pace=1.2,
    beside_s=1.0,
)


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches in order, those that touch as one, without empty ones."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        elif start < stop:
            found.append((start, stop))
    return found


@dataclass(slots=True)
class Peer:
    """One connection as the service sees it."""

    script: Script
    record: Record
    deaf: bool = False
    gone: bool = False


@dataclass(slots=True)
class World:
    """The line, its service and what it told. Each connection meets the next plan."""

    plans: list[Plan] = field(default_factory=lambda: [Plan()])
    config: LineConfig = CONFIG
    spoken: Callable[[int], bool] = turns_of_five
    sound: Callable[[int, int], bytes] = coded
    """The audio: from a first sample on, so many."""
    budget: SessionBudget = field(default_factory=lambda: SessionBudget(None))
    unreachable: bool = False
    """Every attempt to connect fails."""
    hole: Literal["", "drop", "swallow"] = ""
    """Nothing gets through: SYNs are lost, or connections are taken by somebody who passes nothing on.

    What is open then is dead for good, and so is an attempt that was swallowed. One that was dropped gets
    through with one of its repetitions.
    """
    attempts: list[float] = field(default_factory=list)
    """When a connection was asked for, and what is under way at most."""
    most_at_once: int = 0
    now: float = 0.0
    records: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    offered: list[Event] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    line: Line = field(init=False)
    sample: int = 0
    template: Block = field(init=False)
    _peers: dict[int, Peer] = field(default_factory=dict)
    _asking: set[int] = field(default_factory=set)
    """Numbers of the connections that are being made."""
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _follows: int = 0
    _captured: list[tuple[int, float]] = field(default_factory=list)
    """(first sample, UTC) of every block when it was captured: a replay says the same."""
    _numbers: "itertools.count[int]" = field(init=False)

    def __post_init__(self) -> None:
        self.template = Block("mic", 0, UTC, b"")
        self._numbers = itertools.count(1)
        self.line = Line(self.config, self, self.budget, Random(1), self._numbers)

    @property
    def moment(self) -> Moment:
        """Now."""
        return Moment(self.now, UTC + self.now)

    def run(self, seconds: float, *, speak: bool = True) -> None:
        """Let time pass; while speaking, audio comes in as it is captured."""
        until = self.now + seconds
        first, began = self.sample, self.now
        while self.now < until - 1e-9:
            self.now = round(self.now + STEP_S, 6)
            while self._due and self._due[0][0] <= self.now:
                heapq.heappop(self._due)[2]()
            while speak and self.sample + BLOCK <= first + (self.now - began) * RATE_HZ:
                self.line.block(self.block(), self.moment)
            self.line.tick(self.moment)

    def until(self, condition: Callable[[], object], limit_s: float = 120.0) -> None:
        """Let time pass without audio until `condition` holds."""
        stop = self.now + limit_s
        while not condition():
            assert self.now < stop, f"not within {limit_s} s: {self.said()}"
            self.run(STEP_S, speak=False)

    def restart(self) -> None:
        """Kill the line: what it held is gone, its connections break, a new one gets what is not settled.

        As `capture` does it: every pending stretch from its start on, in a pass of its own that says where
        the one before ended, with the end of the last final before it.
        """
        edges = [0, *(edge for interval in self.done_with() for edge in interval), self.sample]
        pending = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        anchors = {0: 0}
        for event in self.events:
            if (settles := event.settles) is not None:
                anchors[settles.stop] = max(settles.anchor, anchors.get(settles.stop, 0))
        head = self.sample
        for peer in self._peers.values():
            peer.gone = True
        self._peers.clear()
        self._asking.clear()
        self._numbers = itertools.count(1000 * (1 + len(self.records)))
        self.line = Line(self.config, self, self.budget, Random(1), self._numbers)
        self._follows = 0
        for start, stop in pending or [(head, head)]:
            pass_no = self.template.pass_no + 1
            anchor = anchors[max(at for at in anchors if at <= start)]
            self.template = replace(self.template, pass_no=pass_no, wanted=start, anchor=anchor)
            self.sample = start
            while self.sample < stop:
                self.line.block(self.block(min(BLOCK, stop - self.sample)), self.moment)

    def block(self, samples: int = BLOCK, *, end: End = End.NO) -> Block:
        """Return the next block."""
        utc = UTC + self.now
        if not self._captured or self.sample > self._captured[-1][0]:
            self._captured.append((self.sample, utc - samples / RATE_HZ))
        known, time = self._captured[max(0, bisect_right(self._captured, (self.sample, inf)) - 1)]
        made = replace(
            self.template,
            sample=self.sample,
            time=time + (self.sample - known) / RATE_HZ,
            pcm=self.sound(self.sample, samples) if samples else b"",
            follows=self._follows,
            end=end,
            handed=utc,
            denoised=utc,
        )
        self.sample += samples
        self._follows = self.sample
        return made

    def end(self) -> None:
        """End the segment."""
        self.line.block(self.block(0, end=End.ENDED), self.moment)
        segment = self.template.segment + 1
        self.template = replace(self.template, segment=segment, segment_start=self.sample)

    def words(self) -> list[str]:
        """Return the words of all finals by their times."""
        found = []
        for body in self.finals():
            words = body["words"]
            assert isinstance(words, list)
            found += [(word["start"], word["text"]) for word in words]
        return [text for _, text in sorted(found)]

    def expected(self) -> list[str]:
        """Return the words of the audio so far; one whose middle was said counts."""
        return [f"w{n}" for n in range((self.sample + 3999) // 8000) if self.spoken(n)]

    def finals(self) -> list[Body]:
        """Return the finals' bodies in order."""
        return [event.body for event in self.events if event.topic is Topic.FINAL]

    def partials(self) -> list[Body]:
        """Return the partials' bodies in order."""
        return [event.body for event in self.offered if event.topic is Topic.PARTIAL]

    def changes(self) -> list[str]:
        """Return the upstream events."""
        return [str(event.body["event"]) for event in self.events if event.topic is Topic.UPSTREAM]

    def settled(self) -> list[tuple[int, int]]:
        """Return what is settled, joined."""
        return joined((e.settles.start, e.settles.stop) for e in self.events if e.settles)

    def done_with(self) -> list[tuple[int, int]]:
        """Return what is settled or given up, joined."""
        return joined([*self.settled(), *self.given_up()])

    def given_up(self, reason: str = "") -> list[tuple[int, int]]:
        """Return the stretches that were given up, for one reason or any, in order."""
        refused = (position for position in self.positions if isinstance(position, Refused))
        return [(each.start, each.stop) for each in refused if reason in ("", each.reason)]

    def received(self, kind: str) -> list[dict[str, object]]:
        """Return the messages of one type that the service got, of all sessions."""
        return [m for record in self.records for m in record.messages if m["type"] == kind]

    def all_settled(self) -> bool:
        """Whether nothing is left unsettled."""
        return self.settled() == [(0, self.sample)]

    def violations(self) -> list[str]:
        """Return all rules of the protocol that were broken."""
        return [each for record in self.records for each in record.violations]

    def said(self) -> str:
        """Return all events, for the message of a failed test."""
        lines = (
            " ".join(
                str(each) for each in (e.topic, *map(e.body.get, ("event", "text", "reason")), e.settles)
            )
            for e in self.events
        )
        return "\n".join([f"at {self.now} s, {self.sample} samples, {self.line.status()}", *lines])

    # The port.

    def open(self, source: str, number: int, query: str) -> None:
        """Connect."""
        assert source == "mic"
        self.attempts.append(self.now)
        self._asking.add(number)
        self.most_at_once = max(self.most_at_once, len(self._asking))
        if self.hole == "swallow":
            self._later(lambda: self._times_out(number), CONNECT_S)
        else:
            self._knock(number, query, 0)

    def _knock(self, number: int, query: str, knocks: int) -> None:
        """Send a SYN, the first or a repetition: it arrives, or there is another after a while."""
        if number not in self._asking:
            return
        if self.hole:
            at = SYN_S[knocks + 1]
            if at < CONNECT_S:
                self._later(lambda: self._knock(number, query, knocks + 1), at - SYN_S[knocks])
            else:
                self._later(lambda: self._times_out(number), CONNECT_S - SYN_S[knocks])
            return
        record = Record(dict(parse_qsl(query)), None, None)
        plan = self.plans[min(len(self.records), len(self.plans) - 1)]
        self.records.append(record)
        if self.unreachable:
            self._later(lambda: self._fails(number, Failure(Kind.NETWORK, "no route")))
            return
        if plan.status != 101:
            after = None if plan.retry_after is None else float(plan.retry_after)
            failure = Failure(Kind.HTTP, "no", plan.status, after)
            self._later(lambda: self._fails(number, failure))
            return
        self._later(lambda: self._upgraded(number, plan, record))

    def _fails(self, number: int, failure: Failure) -> None:
        """Let an attempt come to nothing, unless nobody waits for it any more."""
        if number in self._asking:
            self._asking.discard(number)
            self.line.lost(number, failure, self.moment)

    def _times_out(self, number: int) -> None:
        self._fails(number, Failure(Kind.NETWORK, f"no connection within {CONNECT_S:g} s"))

    def perform(self, number: int, action: Action) -> None:
        """Carry a frame to the service."""
        peer = self._peers.get(number)
        if peer is None:
            self._asking.discard(number)
            return
        if peer.gone:
            return
        match action:
            case SendText(text):
                self._later(lambda: self._arrives(number, text))
            case SendAudio(pcm):
                self._later(lambda: self._arrives(number, pcm))
            case SendPing():
                self._later(lambda: self._pinged(number))
            case Close() | Abort():
                peer.gone = True

    def has_room(self, number: int) -> bool:
        """Say whether the connection is there."""
        return number in self._peers

    def keep(self, event: Event) -> None:
        """Note an event."""
        self.events.append(Event.unpack(event.pack()))

    def offer(self, event: Event) -> None:
        """Note an event."""
        self.offered.append(Event.unpack(event.pack()))

    def position(self, position: Position) -> None:
        """Note a position."""
        self.positions.append(position)

    def _later(self, what: Callable[[], None], seconds: float = DELAY_S) -> None:
        heapq.heappush(self._due, (round(self.now + seconds, 6), next(self._order), what))

    def _upgraded(self, number: int, plan: Plan, record: Record) -> None:
        if number not in self._asking:
            # Given up meanwhile; the service sees it close.
            return
        self._asking.discard(number)
        peer = Peer(Script(plan, record, self.spoken, self.now), record)
        self._peers[number] = peer
        self.line.connected(number, self.moment)
        self._answer(number, peer.script.begin(UTC + self.now, None))

    def _arrives(self, number: int, frame: str | bytes) -> None:
        peer = self._reached(number)
        if peer is not None:
            self._answer(number, peer.script.take(frame, self.now))

    def _pinged(self, number: int) -> None:
        if self._reached(number) is not None:
            self._later(lambda: self.line.pong(number, self.moment))

    def _reached(self, number: int) -> Peer | None:
        """Return the service's side of a connection, if what is sent on it arrives."""
        peer = self._peers.get(number)
        if peer is not None and self.hole:
            peer.deaf = True
        return None if peer is None or peer.deaf else peer

    def _answer(self, number: int, outputs: "list[v3_server.Output]") -> None:
        for output in outputs:
            match output:
                case str() | bytes():
                    self._later(lambda text=output: self._hear(number, text))  # type: ignore[misc]
                case v3_server.Close(code, reason):
                    self._lose(number, Failure(Kind.CLOSE, reason, code))
                case Break.RESET:
                    self._lose(number, Failure(Kind.NETWORK, "reset", 1006))
                case Break.DEAF:
                    self._peers[number].deaf = True

    def _hear(self, number: int, text: str | bytes) -> None:
        if number in self._peers and not self._peers[number].gone:
            self.line.received(number, text, self.moment)

    def _lose(self, number: int, failure: Failure) -> None:
        def lose() -> None:
            if number in self._peers and not self._peers[number].gone:
                self._peers[number].gone = True
                self.line.lost(number, failure, self.moment)

        self._peers[number].deaf = True
        self._later(lose)


def whole(world: World) -> None:
    """End the audio; assert that every word came once, every sample is settled, and no rule was broken."""
    world.end()
    world.until(world.all_settled)
    world.until(lambda: world.line.drained)
    assert world.words() == world.expected(), world.said()
    assert world.violations() == [], world.said()
    ids = [body["turn_id"] for body in world.finals()]
    assert len(ids) == len(set(ids)), world.said()
