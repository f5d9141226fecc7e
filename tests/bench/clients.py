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
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from ..support.processes import started
from ..support.v3_server import v3_server
from ..system.coded import recording
from ..system.running import Body, daemon, folder

IMPORTS = 15
READY_S = 60

# What is measured is written while nothing arrives: it is not to hold up the next one in the queue.
LISTEN = """
import sys, time
from heard_client import Subscriber

publish, control = (f"ipc://{sys.argv[1]}/{name}" for name in ("transcripts", "control"))
with Subscriber(publish, control=control, topics=["transcript.final."]) as it:
    print("up", flush=True)
    while True:
        final = it.receive(0.2)
        if final is None:
            sys.stdout.flush()
            continue
        now = time.time()
        print(1000 * (now - final.time) + final.latency_ms.publish)
"""
TOGETHER = """
import asyncio, sys, time
from heard_client import AsyncSubscriber

publish, control = (f"ipc://{sys.argv[1]}/{name}" for name in ("transcripts", "control"))
measured = []

async def listen():
    async with AsyncSubscriber(publish, control=control, topics=["transcript.final."]) as it:
        async for final in it:
            measured.append(1000 * (time.time() - final.time) + final.latency_ms.publish)

async def main():
    subscribers = [asyncio.create_task(listen()) for _ in range(int(sys.argv[2]))]
    print("up", flush=True)
    while True:
        await asyncio.sleep(0.2)
        for ms in measured:
            print(ms, flush=True)
        measured.clear()

asyncio.run(main())
"""
BARE = """
import sys, time, msgpack, zmq

it = zmq.Context().socket(zmq.SUB)
it.connect(f"ipc://{sys.argv[1]}/transcripts")
it.subscribe("transcript.final.")
print("up", flush=True)
while True:
    if not it.poll(200):
        sys.stdout.flush()
        continue
    final = msgpack.unpackb(it.recv_multipart()[1])
    now = time.time()
    print(1000 * (now - final["time"]) + final["latency_ms"]["publish"])
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Milliseconds from a final's arrival at `upstream`.

    handed     to its handing over, of every final at every subscriber
    published  to publication alone: what the daemon takes of it
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
        command = [sys.executable, "-c", code]
        listeners = [
            stack.enter_context(started([*command, str(place), str(subscribers)], limit_s=limit_s))
            for _ in range(programs)
        ]
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        heard = stack.enter_context(daemon(several, env=env, place=place, upstream=upstream, limit_s=limit_s))
        heard.until(lambda: all("up" in each.printed() for each in listeners), READY_S, "the subscribers")
        heard.until(
            lambda: (
                heard.finals()
                and all(
                    each["state"] == "ended" and each["ledger"]["pending"] == 0
                    for each in heard.status()["sources"].values()
                )
            ),
            seconds + READY_S,
            "the end of the recording",
        )
        heard.listen(1)
        handed = [float(line) for each in listeners for line in each.printed().split()[1:]]
        published = [final["latency_ms"]["publish"] for final in heard.finals()]
        return Delivery(handed, published)


def import_ms(modules: str) -> float:
    """Return the median CPU time that a fresh interpreter takes to import `modules`, in ms."""
    code = f"from time import process_time as t; a = t(); import {modules}; print(1000 * (t() - a))"
    argv = [sys.executable, "-c", code]
    return statistics.median(
        float(subprocess.run(argv, check=True, capture_output=True, timeout=30).stdout)
        for _ in range(IMPORTS)
    )


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
    table.add_row("import heard_client, ms of CPU", "≤ 60", f"{ours:.0f}", "", "")
    table.add_row("… pyzmq and msgpack alone", "", f"{bare:.0f}", "", "")
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
