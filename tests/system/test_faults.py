"""The real daemon while the network or the service fails: every fault at every moment, every word once.

The audio says of each sample which one it is (`coded_audio`), so what the server received is compared
sample for sample with what was captured. A few of the pairs are run by `make test`, the others by
`make test-slow`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.proxy import proxy
from ..support.v3_server import v3_server
from .coded import RATE_HZ, check, finish, hearing, recording
from .world import FAULTS, MOMENTS, World, strike

SECONDS = 18
QUICK = {
    ("server errors", "connecting"),
    ("closed", "in mid-turn"),
    ("reset", "backfill"),
    ("too many", "rotation"),
    ("stall", "drain"),
}


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
    with (
        v3_server(*MOMENTS[moment].plans) as server,
        proxy(server.url) as net,
        hearing(recording(tmp_path, seconds), net.through(server.url)) as heard,
    ):
        before = strike(FAULTS[fault], MOMENTS[moment], World(heard, net, server))
        last = finish(heard, 60)
        assert fault == "stall" or net.accepted > before, "it was felt"
        check(heard, last, server, seconds * RATE_HZ)
