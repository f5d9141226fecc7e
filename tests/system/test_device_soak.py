"""A device that plays and plays: the memory of the daemon stays flat, and every sample is accounted for.

    SOAK_HOURS=1 pytest -m slow tests/system/test_device_soak.py -s

`make soak HOURS=1` does the same; without a number it is the ten minutes that `make test-slow` has for it.
The daemon is the whole of it: a PulseAudio device, the default noise reduction, the recognizer that comes
with heard, and the journal. A recorder of the sound server's own tells how much sound the device had: its
null sinks run by 0.03 % faster than the clock, as a sound card may.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heard.demo import recording

from ..support.processes import private_of
from ..support.sound_server import SoundServer, sound_server
from .running import Body, Daemon, daemon

HOURS = float(os.environ.get("SOAK_HOURS") or 1 / 6)
SOAK_S = 3600 * HOURS
RATE_HZ = 16_000
LOOP_S = 120
WARM_S = 360.0
"""By then the ring was filled once (`capture.retention_s`), and every process has met all that it does."""
SAMPLE_S = 5.0
FLAT = 0.02
RECORDER_HZ = 8000
PLACE_S = 0.2
"""Ledger and recorder, each read at a moment of its own, may part so far."""
START_S = 60
MIB = 2**20
SAID_EVERY = 24
"""Of the rows of the table, so many for one that is shown meanwhile: one in two minutes."""
KEPT = ("gap.mic", "transcript.final.mic")
"""Of an hour of messages, what is looked at in the end."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds: of the clock, of sound in the ledger, of sound that the recorder has."""

    at: float
    captured_s: float
    recorded_s: float


def looped(folder: Path) -> Path:
    """Return a file in which the demo's recording is said again and again."""
    said, rate_hz = soundfile.read(recording(), dtype="int16")
    times = -(-LOOP_S * rate_hz // len(said))
    path = folder / "looped.wav"
    soundfile.write(path, np.tile(said, times), rate_hz, subtype="PCM_16")
    return path


def passing(heard: Daemon, server: SoundServer, path: Path, seconds: float) -> Iterator[float]:
    """Play the file again and again; yield the time that has passed, every SAMPLE_S seconds."""
    began = time.monotonic()
    with ExitStack() as playing:
        player = None
        while (passed := time.monotonic() - began) < seconds:
            if player is None or not player.running:
                playing.close()
                player = playing.enter_context(server.playing(path, limit_s=2 * LOOP_S))
            heard.listen(min(SAMPLE_S, seconds - passed))
            heard.heard = [each for each in heard.heard if each[0] in KEPT]
            yield time.monotonic() - began


def memory(status: Body) -> dict[str, int]:
    """Return the bytes that each process has for itself alone."""
    return {
        name: private_of(process["pid"]) for name, process in status["processes"].items() if process["pid"]
    }


def shown(row: dict[str, int]) -> str:
    """Return one line of the table."""
    return ", ".join(f"{name} {size / MIB:.1f}" for name, size in row.items()) + " MiB"


def flat(table: list[dict[str, int]]) -> dict[str, tuple[float, float]]:
    """Return the median MiB of the first and of the last quarter, by process and of `all`."""
    quarter = max(1, len(table) // 4)
    rows = [row | {"all": sum(row.values())} for row in table]
    return {
        name: (
            statistics.median(row[name] for row in rows[:quarter]) / MIB,
            statistics.median(row[name] for row in rows[-quarter:]) / MIB,
        )
        for name in rows[0]
    }


def seconds_of(ledger: Body) -> float:
    """Return how much sound there was, heard or not."""
    samples: int = ledger["captured"] + sum(ledger["gaps"].values())
    return samples / RATE_HZ


def parted(moments: list[Moment], difference: Callable[[Moment], float]) -> float:
    """Return by how much a difference grew: its median over the last quarter less that over the first.

    What is read is a moment old, more so on a busy machine; so no two readings are compared.
    """
    values = [difference(each) for each in moments]
    quarter = max(1, len(values) // 4)
    return statistics.median(values[-quarter:]) - statistics.median(values[:quarter])


@pytest.mark.slow
@pytest.mark.timeout(SOAK_S + WARM_S + 5 * START_S)
def test_memory_is_flat_and_every_sample_accounted_for(tmp_path: Path) -> None:
    """The ledger at every status and against a recorder, finals once, memory within 2 %."""
    limit_s = SOAK_S + WARM_S + 4 * START_S
    table: list[dict[str, int]] = []
    moments: list[Moment] = []
    recording = tmp_path / "recording"
    with (
        sound_server(limit_s=limit_s) as server,
        server.recorded(recording, RECORDER_HZ, limit_s=limit_s) as recorder,
    ):
        source = {"name": "mic", "input": "device", "device": server.sinks[0]}
        with daemon([source], env=server.environment(), limit_s=limit_s) as heard:
            heard.wait_ready()
            for passed in passing(heard, server, looped(tmp_path), WARM_S + SOAK_S):
                if passed >= WARM_S:
                    status = heard.status()
                    captured_s = seconds_of(status["sources"]["mic"]["ledger"])
                    recorded_s = recording.stat().st_size / RECORDER_HZ
                    moments.append(Moment(time.monotonic(), captured_s, recorded_s))
                    table.append(memory(status))
                    if len(table) % SAID_EVERY == 1:
                        print(f"{passed:5.0f} s:", shown(table[-1]), flush=True)
            heard.ask("mute")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, START_S, "all to be settled")
            mic = heard.source("mic")
            assert recorder.running, recorder.tail()
            heard.ask("stop")
            heard.until(lambda: not heard.child.running, START_S, "the daemon to end")
            heard.listen(0.5)
    figures = flat(table)
    for name, (before, after) in figures.items():
        print(f"{name:>12}: {before:7.2f} MiB, then {after:7.2f} ({100 * (after / before - 1):+.2f} %)")
    behind_s = parted(moments, lambda each: each.recorded_s - each.captured_s)
    fast_s = parted(moments, lambda each: each.captured_s - each.at)
    lasted_s = moments[-1].at - moments[0].at
    print(f"{lasted_s:.0f} s: the ledger fell behind the recorder by {behind_s:+.3f} s; {mic['turns']} turns")
    print(f"the device's clock gained {fast_s:+.2f} s on the machine's")
    print(f"{mic['ledger']}, {mic['xruns']} overruns")
    assert abs(behind_s) <= PLACE_S
    assert mic["ledger"]["dropped"] == {}
    turns = [final["turn_id"] for final in heard.finals()]
    assert len(set(turns)) == len(turns) >= mic["turns"] - 1
    before, after = figures["all"]
    assert after <= before * (1 + FLAT)
