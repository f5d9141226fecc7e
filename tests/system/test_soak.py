"""Stages killed at random, again and again: no sample dropped, no final missing, none published twice.

    SOAK_MINUTES=10 SOAK_SEED=7 pytest tests/system/test_soak.py -s

`make soak MINUTES=10` does the same. The seed is printed, so that a failure can be looked for again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from ..support.v3_server import v3_server
from .coded import RATE_HZ, check, finish, hearing, recording
from .running import Daemon

MINUTES = float(os.environ.get("SOAK_MINUTES", "1"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)
STAGES = {"publish": 6, "denoise": 4, "upstream": 3, "capture": 1}
"""What is killed how often. A recording waits while capture is away, so its deaths take time."""
PAUSE_S = (0.2, 3.0)
"""Shortest and longest time between two kills. Of half so long nothing is lost either, but nothing is heard:
what dies again within seconds is started later and later, and a turn takes three."""
LATE_S = 20
"""The recording is so much shorter: each death costs time, and what is late is caught up."""
QUIET_S = 10
"""At the end nothing is killed any more, so that what is left can be delivered."""
MOST_LATE_S = 60 + 20 * MINUTES


@pytest.mark.timeout(MINUTES * 60 + MOST_LATE_S + 30)
def test_random_kills_cost_nothing(tmp_path: Path) -> None:
    """Kill -9 of every stage at any moment of a recording."""
    print(f"seed {SEED}, {MINUTES:g} min")
    dice = random.Random(SEED)
    seconds = int(MINUTES * 60) - LATE_S
    with (
        v3_server() as server,
        hearing(
            recording(tmp_path, seconds),
            server.url,
            limit_s=MINUTES * 60 + MOST_LATE_S + 20,
            exit_when_done=False,
        ) as heard,
    ):
        heard.wait_ready()
        kills: Counter[str] = Counter()
        end = time.monotonic() + MINUTES * 60 - QUIET_S
        while (left := end - time.monotonic()) > 0:
            heard.listen(min(left, dice.uniform(*PAUSE_S)))
            (stage,) = dice.choices(list(STAGES), list(STAGES.values()))
            pid = heard.status()["processes"][stage]["pid"]
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    kills[stage] += 1
        heard.until(lambda: _done(heard), MOST_LATE_S, "all to be settled")
        heard.ask("stop")
        last = finish(heard, 40)
        print(f"{kills.total()} kills in {last['uptime_s']:.0f} s: {dict(kills)}")
        check(heard, last, server, seconds * RATE_HZ)


def _done(heard: Daemon) -> bool:
    mic = heard.source("mic")
    return bool(mic["state"] == "ended" and mic["ledger"]["pending"] == 0)
