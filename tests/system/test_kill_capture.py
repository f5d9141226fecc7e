"""Kill -9 of capture while it hears a microphone: what it retained is delivered, the hole is measured.

The sound that is played says of each sample which one it is, and the way through the sound server is exact;
so what the service received tells to the sample what was lost.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from ..support.sound_server import sound_server
from ..support.v3_server import V3Server, v3_server
from .coded import RATE_HZ, recording, words
from .running import Body, daemon

SECONDS = 18
WITHIN = RATE_HZ // 20
"""The hole is known to 50 ms."""
TRIES = 3
"""Where the machine itself stands still for a moment, the device overruns, and times are known less well."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the daemon told: the hole by its samples, the gap, the status of its source; and all its words."""

    received: list[int]
    gaps: list[Body]
    mic: Body
    said: list[str]
    violations: list[str]

    @property
    def holes(self) -> list[tuple[int, int]]:
        """Where numbers are missing or out of order: the sample that should come, and the one that does."""
        return [(a + 1, b) for a, b in pairwise(self.received) if b != a + 1]

    @property
    def overran(self) -> bool:
        """Whether the device was not read in time."""
        return bool(self.mic["xruns"]) or set(self.mic["ledger"]["gaps"]) != {"capture-restart"}

    @property
    def error(self) -> int:
        """By how many samples what is told is not what is missing."""
        missing = sum(stop - first for first, stop in self.holes)
        told: int = sum(gap["samples"] for gap in self.gaps)
        return abs(told - missing)


@pytest.mark.timeout(400)
def test_the_hole_is_known_to_50_ms_and_nothing_else_is_lost(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One gap, as long as what is missing; every sample and word on both sides of it arrives, once."""
    path = recording(tmp_path, SECONDS)
    for _ in range(TRIES):
        found = killed(path)
        if not found.overran and found.error <= WITHIN:
            break
    mic = found.mic
    assert (mic["xruns"], set(mic["ledger"]["gaps"])) == (0, {"capture-restart"})
    assert len(found.holes) == 1, "all that was captured, in order, once, but for one hole"
    first, stop = found.holes[0]
    assert (found.received[0], found.received[-1]) == (RATE_HZ // 10 + 1, SECONDS * RATE_HZ - 1)
    (gap,) = found.gaps
    assert gap["reason"] == "capture-restart"
    record_property("hole_and_gap_samples", (stop - first, gap["samples"]))
    assert found.error <= WITHIN
    assert gap["samples"] == mic["ledger"]["gaps"]["capture-restart"]
    assert abs((gap["end"] - gap["start"]) * RATE_HZ - gap["samples"]) <= 1
    assert mic["ledger"]["dropped"] == {}
    assert len(found.said) == len(set(found.said))
    whole = {n for n in range(SECONDS * 2) if n % 6 != 5 and not _touches(n, first, stop)}
    assert {f"w{n}" for n in whole} <= set(found.said)
    assert found.violations == []


def killed(path: Path) -> Outcome:
    """Kill capture while a recording is played."""
    with sound_server(rate_hz=RATE_HZ) as sound, v3_server() as server:
        source = {
            "name": "mic",
            "input": "device",
            "device": sound.sinks[0],
            "rate_hz": RATE_HZ,
            "denoise": {"backend": "off"},
        }
        env = {**sound.environment(), "ASSEMBLYAI_API_KEY": "canary"}
        upstream = {"service": "assemblyai", "url": server.url, "sessions_per_minute": 1000}
        with daemon([source], env=env, upstream=upstream) as heard:
            heard.wait_ready()
            with sound.playing(path, latency_ms=1000) as player:
                heard.until(heard.finals, 40, "a final")
                os.kill(heard.status()["processes"]["capture"]["pid"], signal.SIGKILL)
                heard.until(lambda: heard.bodies("gap.mic"), 40, "the gap")
                newest = SECONDS * RATE_HZ - 1
                heard.until(
                    lambda: newest in _received(server)[-RATE_HZ:] or not player.running,
                    60,
                    "the last sample",
                )
            # Of one that was played while the device overran nothing more comes.
            heard.listen(2)
            heard.ask("mute")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, 40, "everything to settle")
            heard.catch_up()
            return Outcome(
                # The sound server swallows a moment where a player begins.
                [n for n in _received(server) if n > RATE_HZ // 10],
                heard.bodies("gap.mic"),
                heard.source("mic"),
                words(heard.finals()),
                server.violations,
            )


def _received(server: V3Server) -> list[int]:
    """Return the numbers of the samples in the order in which they were received."""
    return [n for record in server.records for n in record.samples]


def _touches(word: int, first: int, stop: int) -> bool:
    return word * RATE_HZ // 2 < stop and (word + 1) * RATE_HZ // 2 > first
