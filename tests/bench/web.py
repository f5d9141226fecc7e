"""What the live page costs: pictures a second, memory over an hour, and the spectra that only it asks for.

    python -m tests.bench.web [--seconds 20] [--hours 1] [--speed 30] [--sources 16]
    python -m tests.bench.web --open 1

Pictures: headless Chromium at the real daemon while the recording that comes with heard is played; beside
it, in the same browser, an empty page: what the machine has to give. Memory: the page's server and a page of
it are sent what so many hours of one source bring, so many times faster; the heap is told after a collection.
Spectra: CPU time of the daemon's `denoise` and `publish` for so many sources, watched and not.

With `--open HOURS` it is that long in real time instead, at the real daemon, while people speak: pictures and
memory at each twentieth of the time, of the page, its server and the whole browser.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.table import Table

from heard import demo
from heard.wire.codec import Body, pack, unpack

from ..clients.peers import Journal, Publisher, answering, final, publishing
from ..support.browser import Browser, browser
from ..support.poll import until
from ..support.processes import pss_bytes
from ..system.page import at_page, server
from ..system.running import Daemon, daemon, folder

WARM_S = 3.0
MIB = 2**20

# Animation frames for so many seconds: how many, in how many ms, p50 and p99 of the ms between them, and the
# pictures that the page drew meanwhile. The list of them stays in the page for ever if it is handed out.
FRAMES = """
const [seconds, done] = arguments;
const empty = { pictures: { drawn: 0 } };
const page = location.protocol === "http:" ? import("/static/sources.js") : Promise.resolve(empty);
page.then(({ pictures }) => {
  const before = pictures.drawn, times = [];
  let last = performance.now();
  const began = last;
  requestAnimationFrame(function frame() {
    const now = performance.now();
    times.push(now - last);
    last = now;
    if (now - began < 1000 * seconds) requestAnimationFrame(frame);
    else {
      const spent = times.reduce((sum, each) => sum + each);
      const at = (share) => times[Math.floor(share * (times.length - 1))];
      times.sort((a, b) => a - b);
      done([times.length, spent, at(0.5), at(0.99), pictures.drawn - before]);
      times.length = 0;
    }
  });
});
"""


@dataclass(frozen=True, slots=True)
class Frames:
    """Animation frames: how many a second, how far apart (ms), and pictures drawn a second."""

    per_second: float
    p50_ms: float
    p99_ms: float
    drawn_per_second: float


@dataclass(frozen=True, slots=True)
class Memory:
    """At one time of the accelerated hours: the page's heap and elements, and the server's memory."""

    hours: float
    heap_bytes: float
    nodes: int
    server_bytes: int


def frames(page: Browser, seconds: float) -> Frames:
    """Count animation frames of what is open."""
    count, spent_ms, p50_ms, p99_ms, drawn = page.driver.execute_async_script(FRAMES, seconds)
    return Frames(1000 * count / spent_ms, p50_ms, p99_ms, 1000 * drawn / spent_ms)


def pictures(seconds: float) -> tuple[Frames, Frames]:
    """Return the frames of the page while speech runs, and those of an empty page."""
    source = {"name": "mic", "input": "file", "path": str(demo.recording()), "loop": True}
    with daemon([source], limit_s=seconds + 120) as heard, at_page(heard) as page:
        until(lambda: page.text("#partials .text"), 60, "speech")
        time.sleep(WARM_S)
        ours = frames(page, seconds)
        page.open("about:blank")
        return ours, frames(page, seconds)


def memory(hours: float, speed: float) -> list[Memory]:
    """Return the memory at each tenth of the time."""
    found = []
    with (
        folder() as place,
        publishing(place / "transcripts") as publisher,
        answering(place / "control", partial(_answer, publisher.journal)),
        server(place, limit_s=3600 * hours / speed + 120) as (child, url),
        browser() as page,
    ):
        publisher.await_subscriptions(7)
        page.size(1440, 1000)
        page.open(url)
        began = time.monotonic()
        for tick in _ticks(publisher, round(3600 * hours)):
            time.sleep(max(0.0, began + (tick + 1) / speed - time.monotonic()))
            if (tick + 1) % round(360 * hours) == 0:
                found.append(_measured(page, child.pid, (tick + 1) / 3600))
    return found


@dataclass(frozen=True, slots=True)
class Kept:
    """A page that stays open: what `Memory` and `Frames` say, the browser's memory and the finals so far."""

    memory: Memory
    frames: Frames
    browser_bytes: int
    finals: int


def kept_open(hours: float, seconds: float) -> Iterator[Kept]:
    """Keep the page open at the real daemon in real time; yields at each twentieth of the time."""
    source = {"name": "mic", "input": "file", "path": str(demo.recording()), "loop": True}
    with (
        daemon([source], limit_s=3600 * hours + 300) as heard,
        server(heard.folder, limit_s=3600 * hours + 300) as (child, url),
        browser() as page,
    ):
        page.size(1440, 1000)
        page.open(url)
        until(lambda: page.text("#partials .text"), 60, "speech")
        began = time.monotonic()
        for part in range(1, 21):
            heard.listen(max(0.0, began + 180 * hours * part - seconds - time.monotonic()))
            counted = frames(page, seconds)
            heard.listen()
            at = _measured(page, child.pid, (time.monotonic() - began) / 3600)
            yield Kept(at, counted, pss_bytes(page.driver.service.process.pid), len(heard.finals()))


def _answer(journal: Journal, frames: list[bytes]) -> list[list[bytes]]:
    request = unpack(frames[-1])
    if request["op"] == "history":
        return journal.answer(frames)
    return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": {"seconds": 15.0}})]]


def _measured(page: Browser, server_pid: int, hours: float) -> Memory:
    page.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    page.driver.execute_cdp_cmd("Performance.enable", {})
    metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    values = {each["name"]: each["value"] for each in metrics}
    return Memory(hours, values["JSHeapUsedSize"], round(values["Nodes"]), pss_bytes(server_pid))


def _ticks(publisher: Publisher, seconds: int) -> Iterator[int]:
    """Publish, second for second, what a source brings in which a turn is said every four seconds."""
    levels = ("rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs")
    now = time.time()
    for second in range(seconds):
        turn = f"turn {second // 4} of many, with some words in it, as many as people say"
        said: Body = {"start": now + second, "end": now + second + 3}
        for n in range(20):
            bands = bytes((7 * n + 3 * band + second) % 256 for band in range(64))
            start = now + second + n / 20
            body: Body = {"start": start, "low_hz": 50.0, "high_hz": 8000.0, "bands_dbfs": bands}
            publisher.send("spectrum.mic", body | {"denoised_bands_dbfs": bands[::-1]})
            if n % 2:
                publisher.send("level.mic", dict.fromkeys(levels, -60.0 + (n * 7 + second) % 60))
            if n % 10 == 0 and second % 4 != 3:
                publisher.send("transcript.partial.mic", final(turn[: 10 * n], f"t{second // 4}") | said)
        if second % 4 == 3:
            publisher.send("transcript.final.mic", final(turn, f"t{second // 4}") | said)
        if second % 60 == 0:
            publisher.send("source.mic", {"event": "verdict", "verdict": "clipping", "detail": "too loud"})
        publisher.send("status", _status(second))
        yield second


def _status(second: int) -> Body:
    samples = 16_000 * second
    ledger: Body = {"captured": samples, "delivered": samples, "pending": 0}
    mic: Body = {
        "state": "live", "input": "device", "device": "default", "turns": second // 4, "snr_db": 12.0,
        "denoise": {"backend": "off", "mix": 0.3, "adaptive": False, "delay_ms": 0.0, "reduction_db": 0.0},
        "upstream": {"service": "local", "state": "open", "error": None, "backlog_s": 0.0},
        "latency_ms": {"total": {"p50": 600.0 + second % 9, "p99": 900.0}},
        "ledger": ledger | {"dropped": {}, "muted": 0, "gaps": {}},
    }  # fmt: skip
    return {
        "state": "ready",
        "uptime_s": float(second),
        "sources": {"mic": mic},
        "faults": [],
        "processes": {},
    }


def spectra(sources: int, seconds: float) -> tuple[float, float]:
    """Return the CPU time a second of `denoise` and `publish`, watched and not, for all sources together."""
    path = str(demo.recording())
    each = [
        {"name": f"s{n}", "input": "file", "path": path, "loop": True, "denoise": {"backend": "off"}}
        for n in range(sources)
    ]
    # Nobody has to be understood: the service is one that is not there.
    nowhere = {"service": "assemblyai", "url": "ws://127.0.0.1:9"}
    with daemon(each, limit_s=10 * seconds + 60, upstream=nowhere, env=_with_a_key()) as heard:
        heard.wait_ready("degraded")
        plain, watched = list[float](), list[float]()
        for _ in range(3):
            plain.append(_cpu_of(heard, seconds, watched=False))
            watched.append(_cpu_of(heard, seconds, watched=True))
    return statistics.median(watched), statistics.median(plain)


def _with_a_key() -> dict[str, str]:
    return {**os.environ, "ASSEMBLYAI_API_KEY": "none"}


def _cpu_of(heard: Daemon, seconds: float, *, watched: bool) -> float:
    def used() -> float:
        processes = heard.status()["processes"]
        return float(processes["denoise"]["cpu_s"] + processes["publish"]["cpu_s"])

    if watched:
        heard.ask("watch", seconds=min(60.0, seconds + 2))
    heard.listen(1.0)
    before, began = used(), time.monotonic()
    heard.listen(seconds)
    spent = (used() - before) / (time.monotonic() - began)
    heard.listen(2.0 if watched else 0.0)
    return spent


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print three tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.web", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--speed", type=float, default=30)
    parser.add_argument("--sources", type=int, default=16)
    parser.add_argument("--open", type=float, metavar="HOURS", help="keep the page open for so long")
    given = parser.parse_args(arguments)
    console = Console(width=110)

    if given.open is not None:
        _keep_open(console, given.open, given.seconds)
        return

    ours, empty = pictures(given.seconds)
    table = Table(
        "", "frames a second", "apart, p50 ms", "p99 ms", "pictures drawn a second", title="Pictures"
    )
    for name, each in (("the page while speech runs", ours), ("an empty page", empty)):
        numbers = (each.per_second, each.p50_ms, each.p99_ms, each.drawn_per_second)
        table.add_row(name, *(f"{number:.1f}" for number in numbers))
    console.print(table)

    table = Table(
        "hours", "heap, MiB", "nodes", "server PSS, MiB", title=f"Memory, {given.speed:g} times faster"
    )
    for at in memory(given.hours, given.speed):
        table.add_row(
            f"{at.hours:.2f}", f"{at.heap_bytes / MIB:.2f}", str(at.nodes), f"{at.server_bytes / MIB:.1f}"
        )
    console.print(table)

    watched, plain = spectra(given.sources, given.seconds)
    table = Table("", "per cent of a core", "for each source", title=f"Spectra of {given.sources} sources")
    for name, cpu in (("watched", watched), ("not watched", plain), ("the spectra", watched - plain)):
        table.add_row(name, f"{100 * cpu:.2f}", f"{100 * cpu / given.sources:.3f}")
    console.print(table)


def _keep_open(console: Console, hours: float, seconds: float) -> None:
    """Print a row at each twentieth of the time, as soon as it is known."""
    title = (
        "hours   frames a second   p99 apart, ms   heap, MiB    nodes   server, MiB   browser, MiB  finals"
    )
    console.print(f"The page open for {hours:g} h at the daemon, in real time\n{title}")
    for at in kept_open(hours, seconds):
        heap, served, browsed = (
            each / MIB for each in (at.memory.heap_bytes, at.memory.server_bytes, at.browser_bytes)
        )
        console.print(
            f"{at.memory.hours:5.2f}   {at.frames.per_second:15.1f}   {at.frames.p99_ms:13.1f}   "
            f"{heap:9.2f}   {at.memory.nodes:6d}   {served:11.1f}   {browsed:12.1f}  {at.finals:6d}",
            highlight=False,
        )


if __name__ == "__main__":
    main()
