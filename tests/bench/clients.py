"""How long a final takes from `upstream` into a subscriber's hands, and what importing the library costs.

    python -m tests.bench.clients [--subscribers 20] [--seconds 60] [--sources 3]

The real daemon against a v3 server of the tests; each subscriber is a process. Beside them, in the same run,
one that uses pyzmq and msgpack alone: what the library adds is the difference. A final's own trace tells when
it arrived at `upstream`: published (`time`) less `latency_ms.publish`.
"""

from __future__ import annotations

import argparse
import os
import resource
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

LISTEN = """
import sys, time
from heard_client import Subscriber

publish, control = (f"ipc://{sys.argv[1]}/{name}" for name in ("transcripts", "control"))
with Subscriber(publish, control=control, topics=["transcript.final."]) as it:
    print("up", flush=True)
    for final in it:
        now = time.time()
        print(1000 * (now - final.time) + final.latency_ms.publish, flush=True)
"""
BARE = """
import sys, time, msgpack, zmq

it = zmq.Context().socket(zmq.SUB)
it.connect(f"ipc://{sys.argv[1]}/transcripts")
it.subscribe("transcript.final.")
print("up", flush=True)
while True:
    final = msgpack.unpackb(it.recv_multipart()[1])
    now = time.time()
    print(1000 * (now - final["time"]) + final["latency_ms"]["publish"], flush=True)
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Milliseconds from a final's arrival at `upstream` to its handing over.

    ours       of every final at every subscriber
    bare       of the one without the library
    published  to publication alone: what the daemon takes of it
    """

    ours: list[float]
    bare: list[float]
    published: list[float]


def deliver(subscribers: int, seconds: int, sources: int) -> Delivery:
    """Let so many sources speak for so long to so many subscribers."""
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
        listeners = [
            stack.enter_context(started([sys.executable, "-c", code, str(place)], limit_s=limit_s))
            for code in [LISTEN] * subscribers + [BARE]
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
        *ours, bare = ([float(line) for line in each.printed().split()[1:]] for each in listeners)
        published = [final["latency_ms"]["publish"] for final in heard.finals()]
        return Delivery([ms for each in ours for ms in each], bare, published)


def import_ms(code: str) -> float:
    """Return the median CPU time of a fresh interpreter that runs `code`, in ms."""
    return statistics.median(_cpu_ms(code) for _ in range(IMPORTS))


def _cpu_ms(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


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
    nothing = import_ms("pass")
    ours, bare = import_ms("import heard_client") - nothing, import_ms("import zmq, msgpack") - nothing
    measured = deliver(options.subscribers, options.seconds, options.sources)
    table = Table(title=f"{options.subscribers} subscribers, {options.sources} sources, {options.seconds} s")
    for column in ("what", "target", "p50", "p99", "most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, target, values in (
        ("final at upstream → in a subscriber's hands, ms", "p99 ≤ 5", measured.ours),
        ("… pyzmq and msgpack alone", "", measured.bare),
        ("… to its publication", "", measured.published),
    ):
        figures = (percentile(values, 50), percentile(values, 99), max(values))
        table.add_row(f"{what} ({len(values)})", target, *(f"{figure:.2f}" for figure in figures))
    table.add_row("import heard_client, ms of CPU", "≤ 60", f"{ours:.0f}", "", "")
    table.add_row("… pyzmq and msgpack alone", "", f"{bare:.0f}", "", "")
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
