"""How long a final takes from `upstream` into a subscriber's hands, and what importing the library costs.

    python -m tests.bench.clients [--subscribers 20] [--seconds 60] [--sources 3]

The real daemon against a v3 server of the tests; each subscriber is a process. Then the same again with as
many that use pyzmq and msgpack alone: what the library adds is the difference, and what they take is the
machine's: twenty processes that all wake at once have its cores to share. Last, as many subscribers in one
asyncio program. A final's own trace tells when it arrived at `upstream`: published (`time`) less
`latency_ms.publish`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgpack
from rich.console import Console
from rich.table import Table

from heard.wire.codec import pack
from heard_client import Control, HeardError
from heard_client.feed import Feed

from ..clients.peers import final
from ..support.poll import until
from ..support.processes import started
from ..support.v3_server import v3_server
from ..system.coded import recording
from ..system.running import Body, command, configuration, folder

IMPORTS = 15
READ = 5000
READY_S = 60
ASK_EVERY_S = 5.0

# What was measured is worked out and written while nothing arrives: it is not to hold up others in the queue.
LISTEN = """
import sys, time
from heard_client import Subscriber

publish, control = (f"ipc://{sys.argv[1]}/{name}" for name in ("transcripts", "control"))
with Subscriber(publish, control=control, topics=["transcript.final."]) as it:
    print("up", flush=True)
    handed = []
    while True:
        final = it.receive(0.2)
        if final is not None:
            handed.append((time.time(), final))
            continue
        for now, final in handed:
            print(1000 * (now - final.time), final.latency_ms.publish, flush=True)
        handed.clear()
"""
TOGETHER = """
import asyncio, sys, time
from heard_client import AsyncSubscriber

publish, control = (f"ipc://{sys.argv[1]}/{name}" for name in ("transcripts", "control"))
handed = []

async def listen():
    async with AsyncSubscriber(publish, control=control, topics=["transcript.final."]) as it:
        async for final in it:
            handed.append((time.time(), final))

async def main():
    subscribers = [asyncio.create_task(listen()) for _ in range(int(sys.argv[2]))]
    print("up", flush=True)
    while True:
        await asyncio.sleep(0.2)
        for now, final in handed:
            print(1000 * (now - final.time), final.latency_ms.publish, flush=True)
        handed.clear()

asyncio.run(main())
"""
BARE = """
import sys, time, msgpack, zmq

it = zmq.Context().socket(zmq.SUB)
it.connect(f"ipc://{sys.argv[1]}/transcripts")
it.subscribe("transcript.final.")
print("up", flush=True)
handed = []
while True:
    if it.poll(200):
        final = msgpack.unpackb(it.recv_multipart()[1])
        handed.append((time.time(), final))
        continue
    for now, final in handed:
        print(1000 * (now - final["time"]), final["latency_ms"]["publish"], flush=True)
    handed.clear()
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Milliseconds from a final's arrival at `upstream`.

    handed     to its handing over, of every final at every subscriber
    published  to publication alone, of every final: what the daemon takes of it
    """

    handed: list[float]
    published: list[float]


def deliver(code: str, subscribers: int, seconds: int, sources: int, *, programs: int) -> Delivery:
    """Let so many sources speak for so long to so many subscribers, in programs that run `code`."""
    with TemporaryDirectory() as temporary, folder() as place, v3_server() as server, ExitStack() as stack:
        several: list[Body] = []
        for n in range(sources):
            path = Path(temporary) / f"{n}"
            path.mkdir()
            # Turns last three seconds: each source ends its own at another second.
            file = str(recording(path, seconds, n))
            several.append({"name": f"s{n}", "input": "file", "path": file, "denoise": {"backend": "off"}})
        upstream = {"service": "assemblyai", "url": server.url, "sessions_per_minute": 1000}
        limit_s = seconds + 2 * READY_S
        argv = [sys.executable, "-c", code, str(place), str(subscribers)]
        listeners = [stack.enter_context(started(argv, limit_s=limit_s)) for _ in range(programs)]
        config = place / "heard.toml"
        config.write_text(configuration(place, several, upstream=upstream), encoding="utf-8")
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        env.pop("NOTIFY_SOCKET", None)
        stack.enter_context(started(command("run", "--config", str(config)), limit_s=limit_s, env=env))
        until(lambda: all("up" in each.printed() for each in listeners), READY_S, "the subscribers")
        control = stack.enter_context(Control(f"ipc://{place}/control"))

        def finals() -> int:
            """Return how many there are once all is said, 0 before."""
            try:
                status = control.status()
            except HeardError:
                return 0  # it is only starting
            ended = all(
                each["state"] == "ended" and each["ledger"]["pending"] == 0
                for each in status["sources"].values()
            )
            return sum(status["publish"]["seq"].values()) if ended else 0

        # Nothing is asked meanwhile, or hardly anything: it would take the time that is measured.
        there = until(finals, seconds + READY_S, "the end of the recording", interval_s=ASK_EVERY_S)
        until(
            lambda: all(
                len(each.printed().splitlines()) > there * subscribers // programs for each in listeners
            ),
            READY_S,
            "the last finals",
        )
        pairs = [
            [float(word) for word in line.split()]
            for each in listeners
            for line in each.printed().splitlines()[1:]
        ]
        return Delivery([after + before for after, before in pairs], [before for _, before in pairs[:there]])


def import_ms(modules: str) -> float:
    """Return the median CPU time that a fresh interpreter takes to import `modules`, in ms."""
    code = f"from time import process_time as t; a = t(); import {modules}; print(1000 * (t() - a))"
    argv = [sys.executable, "-c", code]
    return statistics.median(
        float(subprocess.run(argv, check=True, capture_output=True, timeout=30).stdout)
        for _ in range(IMPORTS)
    )


def read_us() -> tuple[float, float]:
    """Return the median time to read a final of nine words and put it in order, and to unpack it, in us.

    One after the other in one program, whose caches are warm.
    """
    header: Body = {"v": 1, "run": "r", "source": "mic", "time": 1.0}
    text = "a final of nine words, as many people say"
    packed = [pack(header | {"seq": seq} | final(text, f"t{seq}")) for seq in range(1, READ + 1)]
    feed = Feed(["transcript.final."], None, mends=True, repair_s=10.0)
    read, unpacked = [], []
    for data in packed:
        began = time.perf_counter()
        feed.published([b"transcript.final.mic", data], 0.0)
        assert feed.next() is not None, "each follows the one before"
        read.append(time.perf_counter() - began)
        began = time.perf_counter()
        msgpack.unpackb(data)
        unpacked.append(time.perf_counter() - began)
    return 1e6 * statistics.median(read), 1e6 * statistics.median(unpacked)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--subscribers", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--sources", type=int, default=3)
    options = parser.parse_args()
    ours, bare = import_ms("heard_client"), import_ms("zmq, msgpack")
    read, unpacked = read_us()
    spoken = (options.subscribers, options.seconds, options.sources)
    with_library = deliver(LISTEN, *spoken, programs=options.subscribers)
    without = deliver(BARE, *spoken, programs=options.subscribers)
    together = deliver(TOGETHER, *spoken, programs=1)
    table = Table(title=f"{options.subscribers} subscribers, {options.sources} sources, {options.seconds} s")
    for column in ("what", "target", "p50", "p99", "most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, target, values in (
        ("final at upstream → in a subscriber's hands, ms", "p99 ≤ 5", with_library.handed),
        ("… to its publication", "", with_library.published),
        ("… in the hands of subscribers of pyzmq and msgpack alone", "", without.handed),
        ("… to its publication", "", without.published),
        ("… in the hands of as many subscribers in one program", "p99 ≤ 5", together.handed),
    ):
        figures = (percentile(values, 50), percentile(values, 99), max(values))
        table.add_row(f"{what} ({len(values)})", target, *(f"{figure:.2f}" for figure in figures))
    table.add_row("a final read and put in order, us, caches warm", "", f"{read:.1f}", "", "")
    table.add_row("… msgpack alone", "", f"{unpacked:.1f}", "", "")
    table.add_row("import heard_client, ms of CPU", "≤ 60", f"{ours:.0f}", "", "")
    table.add_row("… pyzmq and msgpack alone", "", f"{bare:.0f}", "", "")
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
