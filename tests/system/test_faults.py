"""The real daemon while the network or the service fails: every fault at every moment, every word once.

The audio says of each sample which one it is (`coded_audio`), so what the server received is compared
sample for sample with what was captured. A few of the pairs are run by `make test`, the others by
`make test-slow`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .coded import RATE_HZ, check, finish, recording
from .world import FAULTS, MOMENTS, strike, world

SECONDS = 18
QUICK = {
    ("server errors", "connecting"),
    ("closed", "in mid-turn"),
    ("reset", "backfill"),
    ("too many", "rotation"),
    ("stall", "drain"),
}
BRIDGED = ("stall", "packets dropped", "data dropped")
"""TCP says again what was lost, where that is over before the session is given up."""


@pytest.mark.parametrize(
    ("fault", "moment"),
    [
        pytest.param(fault, moment, marks=() if (fault, moment) in QUICK else pytest.mark.slow)
        for moment in MOMENTS
        for fault in FAULTS
    ],
)
def test_no_word_is_lost_or_doubled(fault: str, moment: str, tmp_path: Path) -> None:
    """Live first: all audio sent, every word once at its true time, the ledger whole at every status."""
    seconds = MOMENTS[moment].least_s if (fault, moment) in QUICK else SECONDS
    path = recording(tmp_path, seconds)
    through = FAULTS[fault].through
    with world(path, *MOMENTS[moment].plans, through=through, folder=tmp_path) as around:
        before = strike(FAULTS[fault], MOMENTS[moment], around)
        last = finish(around.heard, 60)
        assert fault in BRIDGED or around.net.accepted > before, "it was felt"
        check(around.heard, last, around.server, seconds * RATE_HZ)
