"""Reports in, the status map out."""

from __future__ import annotations

from heard.settings import Settings, Source
from heard.supervise.overview import Overview
from heard.wire.codec import Body
from heard.wire.report import Report, StageState
from heard.wire.status import ProcessStatus, Status

UP = ("ready",) * 5


def _processes(state: str = "ready") -> dict[str, ProcessStatus]:
    one: ProcessStatus = {
        "pid": 1,
        "state": state,
        "restarts": 0,
        "rss_bytes": 0,
        "cpu_s": 0.0,
        "counters": {},
    }
    return {"capture": one, "denoise": one}


def _overview(*names: str) -> Overview:
    return Overview(Settings(source=tuple(Source(name=name) for name in names or ("mic",))), "run")


def _ledger(captured: int, delivered: int, pending: int) -> Body:
    return {
        "captured": captured,
        "delivered": delivered,
        "pending": pending,
        "dropped": {},
        "muted": 0,
        "gaps": {},
    }


def _take(overview: Overview, process: str, **parts: Body) -> str | None:
    return overview.take(Report(process, 1, StageState.READY, parts))


def _status(overview: Overview) -> Status:
    return overview.status(_processes(), 1.0)


def test_before_any_report_every_field_is_there() -> None:
    """A status is whole from the start: a source that was not seen yet is lost, its counts are zero."""
    status = _status(_overview("a", "b"))
    assert list(status["sources"]) == ["a", "b"]
    assert status["sources"]["a"]["state"] == "lost"
    assert status["sources"]["a"]["ledger"]["captured"] == 0
    assert status["sources"]["a"]["denoise"]["mix"] == 0.3


def test_parts_of_several_stages_make_one_source() -> None:
    """Each stage's part is laid over the rest; latencies of all stages stand side by side."""
    overview = _overview()
    _take(overview, "capture", mic={"state": "live", "latency_ms": {"capture": {"p50": 1.0, "p99": 2.0}}})
    _take(overview, "denoise", mic={"snr_db": 12.0, "latency_ms": {"denoise": {"p50": 3.0, "p99": 4.0}}})
    mic = _status(overview)["sources"]["mic"]
    assert (mic["state"], mic["snr_db"]) == ("live", 12.0)
    assert set(mic["latency_ms"]) == {"capture", "denoise"}


def test_starting_until_all_were_up_then_never_again() -> None:
    """`starting` is left once; a process that dies later makes the daemon degraded."""
    overview = _overview()
    _take(overview, "capture", mic={"state": "live"})
    assert overview.state(("ready", "starting")) == "starting"
    assert overview.state(UP) == "ready"
    assert overview.state(("ready", "backing-off")) == "degraded"


def test_the_world_can_degrade_it() -> None:
    """A lost device, an outage or a refused key is `degraded`; muted and ended are not."""
    for state, session, expected in [
        ("live", "open", "ready"),
        ("live", "connecting", "ready"),
        ("muted", "closed", "ready"),
        ("ended", "closed", "ready"),
        ("lost", "idle", "degraded"),
        ("live", "outage", "degraded"),
        ("live", "refused", "degraded"),
    ]:
        overview = _overview()
        _take(overview, "capture", mic={"state": state})
        upstream = dict(_status(overview)["sources"]["mic"]["upstream"], state=session)
        _take(overview, "upstream", mic={"upstream": upstream})
        assert overview.state(UP) == expected, (state, session)


def test_done_means_ended_settled_and_closed() -> None:
    """All three, for every source."""
    overview = _overview("a", "b")
    ended: Body = {"state": "ended", "ledger": _ledger(10, 10, 0)}
    _take(overview, "capture", a=ended, b={"state": "ended", "ledger": _ledger(10, 4, 6)})
    assert not overview.done(_status(overview))
    _take(overview, "capture", a=ended, b=ended)
    assert overview.done(_status(overview))
    _take(overview, "capture", a=ended, b={**ended, "state": "live"})
    assert not overview.done(_status(overview))


def test_a_ledger_that_does_not_add_up_is_said() -> None:
    """The identity is checked on every report."""
    overview = _overview()
    assert _take(overview, "capture", mic={"ledger": _ledger(10, 4, 6)}) is None
    bug = _take(overview, "capture", mic={"ledger": _ledger(10, 4, 5)})
    assert bug is not None
    assert bug.startswith("mic: captured 10 !=")


def test_a_dead_process_keeps_what_it_said_of_sources() -> None:
    """Counts do not fall back to zero while a stage restarts; its own counters are forgotten."""
    overview = _overview()
    overview.take(Report("capture", 1, StageState.READY, {"mic": {"xruns": 3}}, {}, {"bad": 1}))
    overview.forget("capture")
    assert _status(overview)["sources"]["mic"]["xruns"] == 3
    assert overview.reports["capture"].counters == {}


def test_faults_are_listed_and_make_it_degraded() -> None:
    """What a stage works around stands in the status, the oldest first, until its report has it no more."""
    overview = _overview()
    full: Body = {"what": "journal", "detail": "no space", "since": 20.0}
    older: Body = {"what": "spool", "detail": "read-only", "since": 10.0}
    live: Body = {"state": "live"}
    overview.take(Report("publish", 1, StageState.READY, faults=[full]))
    overview.take(Report("capture", 1, StageState.READY, {"mic": live}, faults=[older]))
    status = _status(overview)
    assert [(fault["process"], fault["what"]) for fault in status["faults"]] == [
        ("capture", "spool"),
        ("publish", "journal"),
    ]
    assert status["state"] == "degraded"
    overview.forget("publish")
    assert len(_status(overview)["faults"]) == 2, "a process that is restarted has not mended anything"
    overview.take(Report("publish", 1, StageState.READY))
    overview.take(Report("capture", 1, StageState.READY, {"mic": live}))
    status = _status(overview)
    assert (status["faults"], status["state"]) == ([], "ready")
