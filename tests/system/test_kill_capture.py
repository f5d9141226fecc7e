"""Kill -9 of capture while it hears a microphone: what it retained is delivered, the hole is measured.

The sound that is played says of each sample which one it is, and the way through the sound server is exact;
so what the service received tells to the sample what was lost.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from ..support.sound_server import sound_server
from ..support.v3_server import V3Server, v3_server
from .coded import RATE_HZ, recording, words
from .running import daemon

SECONDS = 12
WITHIN = RATE_HZ // 20
"""The hole is known to 50 ms."""


def test_the_hole_is_known_to_50_ms_and_nothing_else_is_lost(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """One gap, as long as what is missing; every sample and word on both sides of it arrives, once."""
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
            with sound.playing(recording(tmp_path, SECONDS), latency_ms=1000):
                heard.until(lambda: len(heard.finals()) >= 1, 20, "a final")
                os.kill(heard.status()["processes"]["capture"]["pid"], signal.SIGKILL)
                heard.until(lambda: heard.bodies("gap.mic"), 10, "the gap")
                newest = SECONDS * RATE_HZ - 1
                heard.until(lambda: newest in _received(server)[-RATE_HZ:], 20, "the last sample")
            heard.ask("mute")
            heard.until(lambda: heard.source("mic")["ledger"]["pending"] == 0, 20, "everything to settle")
            heard.listen(0.2)
            mic = heard.source("mic")

            # The sound server swallows a moment where a player begins.
            received = [n for n in _received(server) if n > RATE_HZ // 10]
            holes = [(a + 1, b) for a, b in pairwise(received) if b != a + 1]
            assert len(holes) == 1, "all that was captured, in order, once, but for one hole"
            first, stop = holes[0]
            assert (received[0], received[-1]) == (RATE_HZ // 10 + 1, SECONDS * RATE_HZ - 1)
            (gap,) = heard.bodies("gap.mic")
            assert gap["reason"] == "capture-restart"
            record_property("hole_and_gap_samples", (stop - first, gap["samples"]))
            assert abs(gap["samples"] - (stop - first)) <= WITHIN
            assert gap["samples"] == mic["ledger"]["gaps"]["capture-restart"]
            assert abs((gap["end"] - gap["start"]) * RATE_HZ - gap["samples"]) <= 1
            assert mic["ledger"]["dropped"] == {}
            assert mic["xruns"] == 0
            said = words(heard.finals())
            assert len(said) == len(set(said))
            whole = {n for n in range(SECONDS * 2) if n % 6 != 5 and not _touches(n, first, stop)}
            assert {f"w{n}" for n in whole} <= set(said)
            assert server.violations == []


def _received(server: V3Server) -> list[int]:
    """Return the numbers of the samples in the order in which they were received."""
    return [n for record in server.records for n in record.samples]


def _touches(word: int, first: int, stop: int) -> bool:
    return word * RATE_HZ // 2 < stop and (word + 1) * RATE_HZ // 2 > first
