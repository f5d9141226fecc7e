"""The obvious loop as a program: collect half a second, denoise it alone, send it, in one process.

    python -m tests.bench.loop_process FILE SECONDS

Plays FILE (looped) at real-time pace for SECONDS, as a sound card would deliver it, and prints one
line of JSON: `ready_s` from the interpreter's start, `latency_p50_ms` and `latency_p99_ms` from a
sample's capture to its sending over all samples, `cpu` in cores, `pss_bytes`, `lost_samples`. The card's
buffer holds one second; what it cannot hold while the loop is busy or stopped is lost.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

import numpy as np
import soundfile

from ..support.processes import pss_of
from .simple_loop import BLOCK_S, denoise_block

CARD_S = 1.0


def main() -> int:
    """Run as the module's docstring says."""
    path, seconds = sys.argv[1], float(sys.argv[2])
    samples, rate_hz = soundfile.read(path, dtype="int16")
    block = int(BLOCK_S * rate_hz)
    sender, receiver = socket.socketpair()
    receiver.setblocking(False)
    ready_s = time.time() - _started_at()
    began, cpu_began = time.monotonic(), time.process_time()
    sent, lost, ages_ms = 0, 0, []
    while (now := time.monotonic() - began) < seconds:
        due = (sent + block) / rate_hz
        if now < due:
            time.sleep(due - now)
        else:
            overflow = int((now - CARD_S) * rate_hz) - sent
            if overflow > 0:
                lost += overflow
                sent += overflow
        taken = samples.take(range(sent, sent + block), mode="wrap")
        sender.send(denoise_block(taken, rate_hz).tobytes())
        receiver.recv(1 << 20)
        ages_ms.append(1000 * (time.monotonic() - began - np.arange(sent, sent + block) / rate_hz))
        sent += block
    cpu = (time.process_time() - cpu_began) / (time.monotonic() - began)
    every = np.concatenate(ages_ms)
    figures = {
        "ready_s": ready_s,
        "latency_p50_ms": float(np.percentile(every, 50)),
        "latency_p99_ms": float(np.percentile(every, 99)),
        "cpu": cpu,
        "pss_bytes": pss_of(os.getpid()),
        "lost_samples": lost,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _started_at() -> float:
    """Return when this process began, in Unix seconds (proc(5): starttime, in ticks since boot)."""
    with open("/proc/self/stat", encoding="ascii") as stat:  # noqa: PTH123  # /proc, read once
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
