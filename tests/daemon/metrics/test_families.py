"""From a status map to figures."""

from __future__ import annotations

from heard.metrics.families import DROPPED, GAPS, families
from heard.settings import Settings, Source
from heard.supervise.overview import Overview
from heard.wire.codec import Body, pack, unpack

SETTINGS = Settings(source=(Source(), Source(name="far", input="file", path="/a.wav")))
PROCESS = {
    "pid": 5, "state": "ready", "restarts": 2, "rss_bytes": 7, "cpu_s": 0.5, "counters": {"garbled": 3}
}  # fmt: skip


def status() -> Body:
    """Return the status of a daemon, as it arrives."""
    return unpack(pack(Overview(SETTINGS, "run").status({"denoise": PROCESS}, 5.0)))  # type: ignore[dict-item]  # as it arrives


def figures(body: Body) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values by the names of families and the values of labels."""
    return {family.name: dict(family.values) for family in families(body)}


def test_names_are_each_of_one_kind() -> None:
    """No two families share a name, and a counter's name does not say `_total` twice."""
    found = families(status())
    names = [family.name for family in found]
    assert len(set(names)) == len(names)
    assert all(name == "heard" or name.startswith("heard_") for name in names)
    assert not any(name.endswith(("_total", "_info")) for name in names)
    assert all(len(labels) == len(family.labels) for family in found for labels, _ in family.values)


def test_every_source_and_process_has_its_figures() -> None:
    """With the states that they are not in, and the reasons for which nothing was dropped, as 0."""
    found = figures(status())
    assert found["heard_state"][("degraded",)] == 1.0
    assert sum(found["heard_state"].values()) == 1.0
    for source in ("mic", "far"):
        assert found["heard_source_state"][(source, "lost")] == 1.0
        assert found["heard_source_state"][(source, "live")] == 0.0
        assert {reason for name, reason in found["heard_dropped_samples"] if name == source} == set(DROPPED)
        assert {reason for name, reason in found["heard_gap_samples"] if name == source} == set(GAPS)
    assert found["heard_process_restarts"] == {("denoise",): 2.0}
    assert found["heard_process_events"] == {("denoise", "garbled"): 3.0}


def test_what_is_not_known_has_no_value() -> None:
    """The level of a source that is lost is not 0."""
    found = figures(status())
    assert found["heard_source_level_dbfs"] == {}
    assert found["heard_latency_seconds"] == {}


def test_units_are_seconds() -> None:
    """The status has milliseconds."""
    body = status()
    source = body["sources"]["mic"]  # type: ignore[index]  # maps
    source["latency_ms"] = {"total": {"p50": 850.5, "p99": 1200.0}}
    source["denoise"]["delay_ms"] = 112.0
    source["ledger"]["dropped"] = {"expired": 5, "of a later version": 6}
    found = figures(body)
    assert found["heard_latency_seconds"] == {("mic", "total", "0.5"): 0.8505, ("mic", "total", "0.99"): 1.2}
    assert found["heard_denoise_delay_seconds"][("mic",)] == 0.112
    assert found["heard_dropped_samples"][("mic", "expired")] == 5.0
    assert found["heard_dropped_samples"][("mic", "of a later version")] == 6.0


def test_a_state_of_a_later_version_is_told() -> None:
    """Beside those that are known, of which none holds then."""
    body = status()
    body["state"] = "dreaming"
    found = figures(body)["heard_state"]
    assert found[("dreaming",)] == 1.0
    assert sum(found.values()) == 1.0


def test_a_status_that_is_none() -> None:
    """Whatever answers there: no figure is worth a crash."""
    for body in ({}, {"sources": 5, "processes": {"a": 1}, "faults": [1], "publish": None}):
        families(body)


def test_faults_are_told_once_each() -> None:
    """By process and what; how many there are stands by itself."""
    body = status()
    fault = {"process": "publish", "what": "journal", "detail": "x", "since": 1.0}
    body["faults"] = [fault, {**fault, "detail": "y"}, {**fault, "what": "metrics"}]
    found = figures(body)
    assert found["heard_fault"] == {("publish", "journal"): 1.0, ("publish", "metrics"): 1.0}
    assert found["heard_faults"] == {(): 3.0}
