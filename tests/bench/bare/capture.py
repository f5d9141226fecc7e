"""capture without retention: reads a file at real-time pace, cuts the same blocks, forgets them once sent.

While the next stage does not read, as at the start, blocks wait in a queue; when that is full the oldest go.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import zmq

from heard.capture.files import FileInput
from heard.capture.level import Level
from heard.capture.process import TICK_S
from heard.capture.record import Place
from heard.capture.source import Heard, Now
from heard.capture.verdicts import Verdicts
from heard.capture.windows import Windows
from heard.meters import Latency
from heard.pipes import EVENTS, POSITIONS, RAW
from heard.settings import WORKING_RATE_HZ, Source
from heard.stage import Options, Stage
from heard.wire.audio import BYTES_PER_SAMPLE, Block, End
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError
from heard.wire.events import Event
from heard.wire.report import Order
from heard.wire.topics import Topic

QUEUE_S = 10.0


class Microphone:
    """One source: a file and what of it was not sent yet. `block` is in samples.

    dropped  blocks for which the queue had no room
    """

    def __init__(self, source: Source, block: int) -> None:
        self.name = source.name
        self.dropped = 0
        self.queue: deque[Block] = deque(maxlen=int(QUEUE_S * WORKING_RATE_HZ / block))
        self._source = source
        self._input = FileInput(source, Place(), 0)
        self._block_bytes = block * BYTES_PER_SAMPLE
        self._unsent = b""
        self._sample = 0
        self._started = 0.0
        self._latency = Latency()
        self._windows = Windows()
        self._level = Level()
        self._verdicts = Verdicts()

    def start(self) -> None:
        """Begin to play the file."""
        now = Now(time.monotonic(), time.time())
        self._started = now.utc
        self._input.start(now)

    def read(self, now: Now) -> None:
        """Queue the whole blocks that are due."""
        for heard in self._input.read(now, 0):
            self._take(heard)
        while len(self._unsent) >= self._block_bytes:
            pcm, self._unsent = self._unsent[: self._block_bytes], self._unsent[self._block_bytes :]
            self._cut(pcm)

    def end(self) -> None:
        """Queue what is no whole block, with the end of the segment; nothing is read afterwards."""
        self._input.stop()
        pcm, self._unsent = self._unsent, b""
        self._cut(pcm, End.SHUTDOWN)

    def handed(self, block: Block, at: float) -> None:
        """Note that `block` left at `at` (UTC)."""
        spoken = block.time + block.samples / WORKING_RATE_HZ
        self._latency.add(max(0.0, at - spoken) * 1000)

    def status(self) -> Body:
        """Return the source's part of the status: what capture reports, less the ledger."""
        quantiles = self._latency.quantiles()
        return {
            "state": "live",
            "started": self._started,
            "input": self._source.input,
            "device": self._input.label,
            "rate_hz": self._input.rate_hz,
            "verdicts": list(self._verdicts.names),
            "level_dbfs": self._level.reading(),
            "xruns": 0,
            "latency_ms": {} if quantiles is None else {"capture": dict(quantiles)},
        }

    def _take(self, heard: Heard) -> None:
        for window in self._windows.take(heard.pcm):
            self._level.add(window)
            # Nobody is told: the demo's recording has none.
            self._verdicts.hear(window)
        self._unsent += heard.pcm.tobytes()

    def _cut(self, pcm: bytes, end: End = End.NO) -> None:
        sample = self._sample
        self._sample += len(pcm) // BYTES_PER_SAMPLE
        self.dropped += len(self.queue) == self.queue.maxlen
        captured = self._started + sample / WORKING_RATE_HZ
        self.queue.append(Block(self.name, sample, captured, pcm, follows=sample, end=end))


class BareCapture:
    """The role of the stage (`heard.stage.Role`)."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._raw = stage.pipes.push(RAW)
        self._events = stage.pipes.push(EVENTS)
        # Never read. Without it those that connect to it would try again fifty times a second.
        stage.pipes.pull(POSITIONS)
        block = stage.settings.capture.block_ms * WORKING_RATE_HZ // 1000
        self._microphones = [Microphone(source, block) for source in stage.settings.source]
        for each in self._microphones:
            each.start()
            live: Body = {"event": "live", "detail": ""}
            self._events.send(Event(Topic.SOURCE, each.name, live).pack(), zmq.NOBLOCK)
        stage.ready()

    def tick(self, now: float) -> None:
        """Read every file and send what is due."""
        at = Now(now, time.time())
        for each in self._microphones:
            each.read(at)
            self._send(each)

    def order(self, order: Order) -> Body:
        """Refuse: a bench mutes nothing."""
        raise ControlError(Code.UNKNOWN_OP, f"the bare capture does not know {order.op!r}")

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the sources' parts of the status."""
        dropped = sum(each.dropped for each in self._microphones)
        return {each.name: each.status() for each in self._microphones}, {}, {"blocks_dropped": dropped}

    def stop(self) -> None:
        """End the segments."""
        for each in self._microphones:
            each.end()
            self._send(each)

    def drained(self) -> bool:
        """Return True: what is still queued is given up."""
        return True

    def _send(self, microphone: Microphone) -> None:
        while microphone.queue:
            block, at = microphone.queue[0], time.time()
            try:
                self._raw.send(replace(block, handed=at).pack(), zmq.NOBLOCK)
            except zmq.Again:
                return
            microphone.queue.popleft()
            microphone.handed(block, at)


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare.capture")
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    asked = parser.parse_args()
    stage = Stage("capture", Options(asked.runtime_dir, asked.lifeline))
    return stage.run(BareCapture(stage), TICK_S)


if __name__ == "__main__":
    sys.exit(main())
