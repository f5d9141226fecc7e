"""The baseline of the bench is a pipeline that works, and keeps nothing."""

from __future__ import annotations

import pytest

from .retention import BARE, OURS, Pair, Pairs, listening

LIMIT_S = 60.0


def test_without_retention_it_hears_and_publishes_and_keeps_nothing() -> None:
    """What the user gets is there: levels, finals with numbers and delays, journal. No ring, no ledger."""
    with listening(BARE, limit_s=LIMIT_S) as daemon:
        daemon.wait_ready()
        daemon.until(daemon.finals, 30, "a final")
        daemon.until(lambda: daemon.status()["publish"]["journal_rows"], 5, "the final in the journal")
        status = daemon.status()
        first = daemon.finals()[0]
        assert len(first["words"]) >= 3
        assert first["seq"] == 1
        assert set(first["latency_ms"]) >= {"capture", "denoise", "upstream", "recognize", "publish", "total"}
        assert daemon.bodies("level.mic")
        mic = status["sources"]["mic"]
        assert mic["state"] == "live"
        assert mic["level_dbfs"] > -60
        assert not any(mic["ledger"].values())
        assert not list(daemon.folder.glob("ring.*"))
        assert status["processes"]["capture"]["counters"] == {"blocks_dropped": 0}
        assert not any(status["processes"][name]["restarts"] for name in OURS)


def test_the_cost_is_the_median_of_the_pairs() -> None:
    """Each pair is a ratio of its own, so that what slowed both of it down does not count."""
    pairs = Pairs([pair(0.11, 0.10), pair(0.24, 0.20), pair(0.315, 0.30)])
    assert pairs.cost == pytest.approx(0.1)
    assert pairs.spread == pytest.approx((0.05, 0.2))
    assert pairs.cores("capture") == pytest.approx((0.24, 0.20))


def pair(whole: float, bare: float) -> Pair:
    """Return a pair in which capture took all of that."""
    others = dict.fromkeys(OURS, 0.0)
    return Pair(others | {"capture": whole}, others | {"capture": bare})
