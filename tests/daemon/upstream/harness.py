"""The upstream process as a child, between ends of its pipes that the test holds."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import zmq

from heard.pipes import ACKS, CLEAN, EVENTS, POSITIONS, Pipes
from heard.settings import Capture, Publish, Settings, Source, Upstream
from heard.stage import RunFile
from heard.wire.audio import Block, End
from heard.wire.codec import Body
from heard.wire.events import Ack, Event
from heard.wire.positions import Position, Received, Refused, Replay, unpack_position
from heard.wire.report import Answer, Order, Report, unpack_from_stage
from heard.wire.topics import Topic

from ...support.coded_audio import coded
from ...support.poll import until

RATE_HZ = 16000
BLOCK = 320
RUN = "run-1"
WAIT_S = 30.0


@dataclass(slots=True)
class Stand:
    """What surrounds the process: `denoise`, `capture`, `publish` and `supervise` as far as they matter."""

    pipes: Pipes
    runtime_dir: Path
    events: list[Event] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)
    report: Report | None = None
    acknowledges: bool = True
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = Path()

    def __post_init__(self) -> None:
        self._clean = self.pipes.push(CLEAN)
        self._events = self.pipes.pull(EVENTS)
        self._positions = self.pipes.pull(POSITIONS)
        self._acks = self.pipes.push(ACKS)
        self._reports = self.pipes.reports_router()
        self._orders = itertools.count(1)
        self._peer = b""

    _clean: "zmq.Socket[bytes]" = field(init=False)
    _events: "zmq.Socket[bytes]" = field(init=False)
    _positions: "zmq.Socket[bytes]" = field(init=False)
    _acks: "zmq.Socket[bytes]" = field(init=False)
    _reports: "zmq.Socket[bytes]" = field(init=False)
    _orders: Iterator[int] = field(init=False)
    _peer: bytes = field(init=False)

    def read(self) -> None:
        """Take in what has arrived."""
        while (data := _take(self._events)) is not None:
            event = Event.unpack(data)
            if not any(event.number and event.number == known.number for known in self.events):
                self.events.append(event)
            if event.number and self.acknowledges:
                self.acknowledge(Ack(event.number))
        while (data := _take(self._positions)) is not None:
            self.positions.append(unpack_position(data))
        while self._reports.poll(0):
            self._peer, data = self._reports.recv_multipart()
            match unpack_from_stage(data):
                case Report() as report:
                    self.report = report
                case Answer() as answer:
                    self.answers[answer.number] = answer

    def acknowledge(self, ack: Ack) -> None:
        """Send an acknowledgement, as publish does."""
        self._acks.send(ack.pack(), zmq.NOBLOCK)

    def until(self, condition: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
        """Read until `condition` holds."""

        def holds() -> bool:
            self.read()
            return bool(condition())

        try:
            until(holds, wait_s, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.said()}\n{self.log.read_text()[-3000:]}") from None

    def said(self) -> str:
        """Return what was told so far, for the message of a failed test."""
        return "\n".join(
            " ".join(
                str(each)
                for each in (e.number, e.topic, *map(e.body.get, ("event", "text", "reason")), e.settles)
            )
            for e in self.events
        )

    def send(self, block: Block) -> None:
        """Send a block, as denoise does; the pipe may be full for a while."""
        poller = zmq.Poller()
        poller.register(self._clean, zmq.POLLOUT)
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                self._clean.send(block.pack(), zmq.NOBLOCK)
            except zmq.Again:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"CLEAN stays full\n{self.log.read_text()[-3000:]}") from None
                self.read()
                poller.poll(20)
            else:
                return

    def order(self, op: str, source: str = "", **args: object) -> Answer:
        """Give an order and return the answer."""
        self.until(lambda: self._peer, "a first report")
        number = next(self._orders)
        self._reports.send_multipart([self._peer, Order(number, op, source, args).pack()])
        self.until(lambda: number in self.answers, f"the answer to {op}")
        return self.answers[number]

    def status(self, source: str = "mic") -> Body:
        """Return the newest `upstream` part of a source's status."""
        self.read()
        part = self.report.sources.get(source, {}).get("upstream", {}) if self.report is not None else {}
        assert isinstance(part, dict)
        return part

    def of(self, topic: Topic, source: str = "mic") -> list[Body]:
        """Return the bodies of a topic so far."""
        return [event.body for event in self.events if event.topic is topic and event.source == source]

    def changes(self, source: str = "mic") -> list[str]:
        """Return the upstream events so far."""
        return [str(body["event"]) for body in self.of(Topic.UPSTREAM, source)]

    def words(self, source: str = "mic") -> list[str]:
        """Return the words of all finals, in the order of their times."""
        found: list[tuple[float, str]] = []
        for body in self.of(Topic.FINAL, source):
            words = body["words"]
            assert isinstance(words, list)
            found += [(word["start"], word["text"].strip(".").lower()) for word in words]
        return [text for _, text in sorted(found)]

    def settled(self, source: str = "mic") -> list[tuple[int, int]]:
        """Return what is settled, joined."""
        joined: list[tuple[int, int]] = []
        intervals = [
            (e.settles.start, e.settles.stop) for e in self.events if e.settles and e.source == source
        ]
        for start, stop in sorted(intervals):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
            elif start < stop:
                joined.append((start, stop))
        return joined

    def received(self, source: str = "mic") -> Received | None:
        """Return the newest Received."""
        found = [p for p in self.positions if isinstance(p, Received) and p.source == source]
        return found[-1] if found else None

    def replays(self) -> list[Replay]:
        """Return the replays asked for."""
        return [p for p in self.positions if isinstance(p, Replay)]

    def refused(self) -> list[Refused]:
        """Return what was given up."""
        return [p for p in self.positions if isinstance(p, Refused)]


class Speaker:
    """Sends coded audio as capture and denoise would: in blocks, in real time or as fast as it goes."""

    def __init__(
        self, stand: Stand, source: str = "mic", *, start: int = 0, anchor: int = 0, pass_no: int = 0
    ) -> None:
        self.stand = stand
        self.began = time.time() - start / RATE_HZ
        self._template = Block(
            source=source, sample=start, time=0.0, pcm=b"", wanted=start, anchor=anchor, pass_no=pass_no
        )
        self.sample = start
        self._follows = 0

    def block(self, samples: int = BLOCK, *, end: End = End.NO) -> Block:
        """Return the next block."""
        now = time.time()
        block = replace(
            self._template,
            sample=self.sample,
            time=self.began + self.sample / RATE_HZ,
            pcm=coded(self.sample, samples) if samples else b"",
            follows=self._follows,
            end=end,
            handed=now,
            denoised=now,
        )
        self.sample += samples
        self._follows = self.sample
        return block

    def say(self, seconds: float, *, speed: float | None = None) -> None:
        """Send so much audio; at `speed` times real time, None: at once."""
        began, first = time.monotonic(), self.sample
        stop = first + round(seconds * RATE_HZ)
        while self.sample < stop:
            self.stand.send(self.block(min(BLOCK, stop - self.sample)))
            if speed is not None:
                due = began + (self.sample - first) / RATE_HZ / speed
                while time.monotonic() < due:
                    self.stand.read()
                    time.sleep(0.002)

    def end(self, why: End = End.ENDED) -> None:
        """End the segment; the next one begins with the next block."""
        self.stand.send(self.block(0, end=why))
        template = self._template
        self._template = replace(template, segment=template.segment + 1, segment_start=self.sample)


def words_until(seconds: float, spoken: Callable[[int], bool]) -> list[str]:
    """Return the words of the first `seconds`; one whose middle was said counts."""
    return [f"w{n}" for n in range(int(seconds * 2 + 0.5)) if spoken(n)]


def settings(upstream: Upstream, *sources: str, retention_s: float = 60, partials: bool = True) -> Settings:
    """Return settings with nothing but what upstream reads."""
    return Settings(
        upstream=upstream,
        capture=Capture(retention_s=retention_s),
        publish=Publish(partials=partials),
        source=tuple(Source(name=name) for name in sources or ("mic",)),
        log_level="debug",
    )


@contextmanager
def stand(folder: Path, config: Settings, env: Mapping[str, str] | None = None) -> Iterator[Stand]:
    """Run the process with `config` for as long as the block."""
    runtime_dir = folder / "run"
    runtime_dir.mkdir(exist_ok=True)
    RunFile(RUN, config, frozenset()).write(runtime_dir)
    pipes = Pipes(runtime_dir)
    made = Stand(pipes, runtime_dir, log=folder / "upstream.log")
    try:
        with upstream(made, env):
            made.until(lambda: made.report is not None, "the process to come up")
            yield made
    finally:
        pipes.close()


@contextmanager
def upstream(made: Stand, env: Mapping[str, str] | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the process itself."""
    argv = [sys.executable, "-m", "heard.upstream", "--runtime-dir", str(made.runtime_dir)]
    with made.log.open("ab") as log:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(env or {})}
        )
    made.process = process
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(30)


def _take(end: "zmq.Socket[bytes]") -> bytes | None:
    try:
        return end.recv(zmq.NOBLOCK)
    except zmq.Again:
        return None
