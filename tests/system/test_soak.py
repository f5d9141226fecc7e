"""Stages killed at random, again and again: no sample dropped, no final missing, none published twice.

    SOAK_MINUTES=10 SOAK_SEED=7 pytest -m slow tests/system/test_soak.py -s

`make soak MINUTES=10` does the same. The seed is printed, so that a failure can be looked for again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ..support.v3_server import v3_server
from .coded import RATE_HZ, check, recording
from .running import daemon

MINUTES = float(os.environ.get("SOAK_MINUTES", "1"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
STAGES = ("denoise", "upstream", "publish")
PAUSE_S = (0.3, 2.5)
"""Shortest and longest time between two kills."""
QUIET_S = 10.0
"""At the end nothing is killed any more, so that what is left can be delivered."""


@pytest.mark.slow
@pytest.mark.timeout(MINUTES * 60 + 120)
def test_random_kills_cost_nothing(tmp_path: Path) -> None:
    """Kill -9 of denoise, upstream and publish at any moment, for as long as the recording lasts."""
    print(f"seed {SEED}, {MINUTES:g} min")
    dice = random.Random(SEED)
    seconds = int(MINUTES * 60)
    limit_s = seconds + 90
    with v3_server() as server:
        path = recording(tmp_path, seconds)
        source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
        upstream = {"service": "assemblyai", "url": server.url, "sessions_per_minute": 1000}
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        with daemon(
            [source], env=env, limit_s=limit_s, top={"exit_when_done": True}, upstream=upstream
        ) as heard:
            heard.wait_ready()
            kills = 0
            end = time.monotonic() + seconds - QUIET_S
            while (left := end - time.monotonic()) > 0:
                heard.listen(min(left, dice.uniform(*PAUSE_S)))
                pid = heard.status()["processes"][dice.choice(STAGES)]["pid"]
                if pid is not None:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        kills += 1
            heard.until(lambda: not heard.child.running, 80, "the daemon to end")
            heard.listen(0.2)
            print(f"{kills} kills")
            assert heard.child.code == 0, heard.child.tail()
            check(heard, heard.last_run(), server, seconds * RATE_HZ)
