"""A capture process with everything around it that the daemon would have: real sockets, no other stage."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np
import numpy.typing as npt
import soundfile
import zmq

from heard import ledger
from heard.pipes import EVENTS, POSITIONS, RAW, Pipes
from heard.settings import Capture, Settings, Source
from heard.stage import RunFile
from heard.wire.audio import Block
from heard.wire.codec import Body, take
from heard.wire.events import Event
from heard.wire.positions import From, Position, Received, Replay, Settled, pack_position
from heard.wire.report import Answer, Order, Report, unpack_from_stage
from heard.wire.status import Ledger
from heard.wire.topics import Topic

from ...support.poll import until
from ...support.processes import Child, started

RATE_HZ = 16_000
LIMIT_S = 110.0
ANSWER_S = 30.0
END_S = 30.0
"""For a process to end; none of them promises to be quick where the machine is not."""
MEMORY = Path("/dev/shm")  # noqa: S108  # each test has a folder of its own there

Samples = npt.NDArray[np.int16]


class Around:
    """Plays denoise, upstream, publish and supervise for one capture process at a time.

    blocks   every block read from RAW so far, as it came
    events   every event
    report   the newest report of the process
    """

    def __init__(self, folder: Path, sources: tuple[Source, ...], capture: Capture) -> None:
        self.folder = folder
        state_dir = str(folder / "state")
        self.settings = Settings(
            runtime_dir=str(folder), state_dir=state_dir, source=sources, capture=capture
        )
        self.blocks: list[Block] = []
        self.events: list[Event] = []
        self.answers: dict[int, Answer] = {}
        self.report: Report | None = None
        self.reading = True
        self._pid: int | None = None
        self._sequence = 0
        self._pipes = Pipes(folder)
        self._reports = self._pipes.reports_router()
        self._events = self._pipes.pull(EVENTS)
        self._raw = self._pipes.pull(RAW)
        self._positions = self._pipes.push(POSITIONS)
        self.write_run()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipes.close()

    def write_run(self, run: str = "run-1", muted: frozenset[str] = frozenset()) -> None:
        """Leave what supervise leaves for its children."""
        RunFile(run, self.settings, muted).write(self.folder)

    @contextmanager
    def process(
        self,
        *,
        stdin: bool = False,
        env: Mapping[str, str] | None = None,
        limit_s: float = LIMIT_S,
        prefix: tuple[str, ...] = (),
    ) -> Iterator[Child]:
        """Run the capture process, behind the words of `prefix`, while the block runs."""
        argv = [*prefix, sys.executable, "-m", "heard.capture", "--runtime-dir", str(self.folder)]
        self.report, before = None, self._pid
        with started(argv, limit_s=limit_s, stdin=stdin, env=env) as child:
            self._pid = child.pid
            try:
                yield child
            finally:
                self._pid = before

    def pump(self) -> None:
        """Read what has come on every socket.

        Reports first: the blocks and events that they tell of were sent before them.
        """
        self._read_reports()
        while self.reading and (data := _received(self._raw)) is not None:
            self.blocks.append(Block.unpack(data))
        while (data := _received(self._events)) is not None:
            self.events.append(Event.unpack(data))

    def _read_reports(self) -> None:
        with suppress(zmq.Again):
            while True:
                _, data = self._reports.recv_multipart(zmq.NOBLOCK)
                match unpack_from_stage(data):
                    case Report() as report:
                        # The last words of a process that was killed may come after the next one's start.
                        if self._pid in (None, report.pid):
                            self.report = report
                    case Answer() as answer:
                        self.answers[answer.number] = answer

    def until(self, predicate: Callable[[], object], what: str, deadline_s: float = ANSWER_S) -> None:
        """Pump until `predicate` is true."""

        def asked() -> bool:
            self.pump()
            return bool(predicate())

        until(asked, deadline_s, what)

    def faults(self) -> list[str]:
        """Return what is said to be wrong in the newest report."""
        self.pump()
        return [] if self.report is None else [str(fault["detail"]) for fault in self.report.faults]

    def give(self, op: str, source: str = "") -> int:
        """Give an order; return the number under which it will be answered."""
        self._sequence += 1
        message = Order(self._sequence, op, source).pack()
        self._reports.send_multipart([b"capture", message])
        return self._sequence

    def order(self, op: str, source: str = "") -> Answer:
        """Have the process carry out an order and return its answer."""
        number = self.give(op, source)
        self.until(lambda: number in self.answers, f"the answer to {op}")
        return self.answers[number]

    def tell(self, position: Position) -> None:
        """Send a position."""
        self._positions.send(pack_position(position))

    def tell_bytes(self, data: bytes) -> None:
        """Send what may be no position."""
        self._positions.send(data)

    def settle(self, source: str = "mic") -> None:
        """Settle all that was read of a source."""
        stop = max((block.stop for block in self.blocks if block.source == source), default=0)
        self.tell(Received(source, stop, stop))
        self.tell(Settled(source, 0, stop, stop))

    def replay(self, start: From, source: str = "") -> None:
        """Ask for a replay."""
        self.tell(Replay(source, start))

    def status(self, source: str = "mic") -> Body:
        """Return the source's part of the newest report; {} before the first."""
        self.pump()
        return {} if self.report is None else self.report.sources.get(source, {})

    def state(self, source: str = "mic") -> object:
        """Return the state in the newest report."""
        return self.status(source).get("state")

    def ledger(self, source: str = "mic") -> Ledger:
        """Return the ledger of the newest report; an empty one before the first."""
        found = self.status(source).get("ledger", ledger.Ledger().status())
        return cast("Ledger", found)

    def told(self, topic: Topic, source: str = "mic") -> list[Body]:
        """Return the bodies of a topic so far."""
        self.pump()
        return [event.body for event in self.events if event.topic is topic and event.source == source]

    def said(self, source: str = "mic") -> list[object]:
        """Return the events on `source.NAME` so far."""
        return [body["event"] for body in self.told(Topic.SOURCE, source)]

    def until_said(self, *events: str, source: str = "mic") -> None:
        """Pump until exactly these events have come on `source.NAME`, which may be after the report.

        Verdicts aside: a room of the tests is silent, which is told after a while.
        """

        def said() -> bool:
            return [event for event in self.said(source) if "verdict" not in str(event)] == list(events)

        self.until(said, f"the events {', '.join(events)}")

    def why_lost(self, source: str = "mic") -> str:
        """Return the reason of the newest loss that was told."""
        lost = [body for body in self.told(Topic.SOURCE, source) if body["event"] == "lost"]
        return str(lost[-1]["detail"])

    def audio(self, source: str = "mic") -> Samples:
        """Return all that came of a source, each sample once; the same number must bring the same sample."""
        blocks = [block for block in self.blocks if block.source == source]
        size = max((block.stop for block in blocks), default=0)
        samples, known = np.zeros(size, dtype=np.int16), np.zeros(size, dtype=bool)
        for block in blocks:
            part, seen = samples[block.sample : block.stop], known[block.sample : block.stop]
            pcm = np.frombuffer(block.pcm, dtype="<i2")
            assert (part[seen] == pcm[seen]).all(), f"sample {block.sample} came twice, and differently"
            part[:], seen[:] = pcm, True
        assert known.all(), "samples are missing"
        return samples

    def until_sample(self, sample: int) -> None:
        """Pump until the samples below `sample` have come."""
        self.until(lambda: self.blocks and self.blocks[-1].stop >= sample, f"sample {sample}")

    def until_time(self, time: float) -> None:
        """Pump until what was captured at `time` (UTC) has come."""
        self.until(lambda: self.blocks and self.blocks[-1].time > time, "newer audio")

    def lost(self) -> int:
        """Return the samples that gap messages have told of so far."""
        return sum(take(body, "samples", int) for body in self.told(Topic.GAP))

    def ended(self, source: str = "mic") -> bool:
        """Whether the end of a segment has come."""
        return any(block.end for block in self.blocks if block.source == source)


@contextmanager
def around(*sources: Source, capture: Capture | None = None) -> Iterator[Around]:
    # Not under pytest's tmp_path: a socket's path is limited to 107 bytes. In memory, as a runtime directory
    # is; the copies of rings lie there too, since a process that ends waits for a busy disk only so long.
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="heard-capture-", dir=memory) as name:
        folder = Path(name)
        with Around(folder, sources, capture or Capture(retention_s=30)) as made:
            yield made


def write_wav(path: Path, samples: Samples, rate_hz: int = RATE_HZ) -> Path:
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")
    return path


def noise(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).integers(-20000, 20000, int(seconds * RATE_HZ)).astype(np.int16)


def _received(socket: "zmq.Socket[bytes]") -> bytes | None:
    try:
        return socket.recv(zmq.NOBLOCK)
    except zmq.Again:
        return None
