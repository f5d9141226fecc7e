"""What the daemon costs and how long it holds a sample, beside the obvious loop on the same input.

Both run at the same time on the same recording at real-time pace, so that the machine's moods reach both.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from heard.demo import recording

from ..support.processes import Child, pss_of, started
from ..support.sound_server import sound_server
from ..system.running import Body, Daemon, daemon

SETTLE_S = 8.0
MEASURE_S = 20.0
STOP_S = 5.0
OURS = ("supervise", "capture", "denoise", "upstream", "publish")


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of the daemon and of the loop.

    stages     p50 and p99 in ms by stage; `total_sent` is captured to written
    cpu        cores, by process
    pss_bytes  by process
    ready_s    from the start of `heard run` to the state ready
    loop       the loop's figures (see `loop_process`)
    """

    stages: dict[str, tuple[float, float]]
    cpu: dict[str, float]
    pss_bytes: dict[str, int]
    ready_s: float
    loop: dict[str, float]


def cost() -> Cost:
    """Run both for SETTLE_S + MEASURE_S seconds and return what they cost."""
    source = {"name": "mic", "input": "file", "path": str(recording()), "loop": True}
    began = time.monotonic()
    with daemon([source]) as heard:
        heard.wait_ready()
        ready_s = time.monotonic() - began
        with _loop(SETTLE_S + MEASURE_S) as loop:
            _pass(heard, SETTLE_S)
            first, at = heard.status()["processes"], time.monotonic()
            _pass(heard, MEASURE_S)
            status, elapsed = heard.status(), time.monotonic() - at
            loop.wait(30)
            figures = json.loads(loop.printed().splitlines()[-1])
        processes = status["processes"]
        cpu = {name: (processes[name]["cpu_s"] - first[name]["cpu_s"]) / elapsed for name in processes}
        pss = {name: pss_of(processes[name]["pid"]) for name in processes}
        latency = status["sources"]["mic"]["latency_ms"]
        stages = {name: (figure["p50"], figure["p99"]) for name, figure in latency.items()}
        return Cost(stages, cpu, pss, ready_s, figures)


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stage stopped for STOP_S under two CPU hogs cost.

    ledger     the source's at the end
    xruns      overruns of the device
    loop_lost  samples that the loop lost, stopped for as long
    """

    ledger: Body
    xruns: int
    loop_lost: int


def stopped() -> Stopped:
    """Stop denoise (and the loop) for STOP_S while two processes burn the CPU; return what was lost.

    The source is a real device: the monitor of a PulseAudio sink into which the recording plays.
    """
    with sound_server() as server:
        source = {"name": "mic", "input": "device", "device": server.sinks[0]}
        with daemon([source], env=server.environment()) as heard, server.playing(recording()):
            heard.wait_ready()
            _pass(heard, 3)
            with _hogs(2), _loop(STOP_S + 9) as loop:
                _pass(heard, 4)
                pid = heard.status()["processes"]["denoise"]["pid"]
                os.kill(pid, signal.SIGSTOP)
                loop.signal(signal.SIGSTOP)
                try:
                    _pass(heard, STOP_S)
                finally:
                    os.kill(pid, signal.SIGCONT)
                    loop.signal(signal.SIGCONT)
                _pass(heard, 4)
                loop.wait(60)
                loop_lost = int(json.loads(loop.printed().splitlines()[-1])["lost_samples"])
            heard.ask("mute")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, 20, "everything to settle")
            mic = heard.source("mic")
            return Stopped(mic["ledger"], mic["xruns"], loop_lost)


def start_times(runs: int = 3) -> float:
    """Return the median of `runs` times from the start of `heard run` to ready, in seconds."""
    times = []
    for _ in range(runs):
        source = {"name": "mic", "input": "file", "path": str(recording()), "loop": True}
        began = time.monotonic()
        with daemon([source]) as heard:
            heard.wait_ready()
            times.append(time.monotonic() - began)
    return statistics.median(times)


@contextmanager
def _loop(seconds: float) -> Iterator[Child]:
    words = [sys.executable, "-m", "tests.bench.loop_process", str(recording()), str(seconds)]
    with started(words, limit_s=seconds + 60) as child:
        yield child


@contextmanager
def _hogs(count: int) -> Iterator[None]:
    """Burn `count` cores, for a minute at most."""
    burn = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"
    hogs = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait(5)


def _pass(heard: Daemon, seconds: float) -> None:
    """Let time pass, receiving what is published."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        heard.listen(0.1)
