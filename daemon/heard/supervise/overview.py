"""Core: merges what the stages report into the status map (docs/wire.md, Status)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from heard import __version__
from heard.ledger import LedgerError, check_counts
from heard.settings import Settings, Source
from heard.wire import PROTOCOL
from heard.wire.codec import Body, take_or
from heard.wire.report import Report
from heard.wire.status import (
    DenoiseStatus,
    Fault,
    Ledger,
    ProcessStatus,
    Quantiles,
    SourceStatus,
    Status,
    UpstreamStatus,
)

AT_WORK = ("live", "muted", "ended")
"""States in which nothing is wrong with a source."""
IN_TROUBLE = ("outage", "refused")
"""States of a session that make the daemon `degraded`."""
AT_REST = ("idle", "closed")
"""States of a session that holds nothing."""

PIECEMEAL = ("latency_ms", "verdicts")
"""Fields of a source to which several stages contribute."""


@dataclass(slots=True)
class Overview:
    """The newest report of each stage, and what follows from them all."""

    settings: Settings
    run: str
    reports: dict[str, Report] = field(default_factory=dict)
    was_ready: bool = False
    """Whether every process has been up at the same time once."""
    draining: bool = False

    def take(self, report: Report) -> str | None:
        """Take a report in; return what is wrong with its ledgers, None where they add up."""
        self.reports[report.process] = report
        for name, part in report.sources.items():
            if (ledger := part.get("ledger")) is not None:
                try:
                    check_counts(cast("Ledger", ledger))
                except LedgerError as error:
                    return f"{name}: {error}"
        return None

    def forget(self, process: str) -> None:
        """Drop what a process said of itself: it is gone. What it said of sources stays."""
        if (old := self.reports.get(process)) is not None:
            # Its faults stay as well: whoever takes its place says whether they are over.
            self.reports[process] = replace(old, counters={})

    def status(self, processes: Mapping[str, ProcessStatus], uptime_s: float) -> Status:
        """Return the whole map; `processes` holds one entry per process, supervise's own included."""
        sources = {source.name: self._source(source) for source in self.settings.source}
        own = self.reports["publish"].own if "publish" in self.reports else {}
        return {
            "version": __version__,
            "protocol": PROTOCOL,
            "run": self.run,
            "uptime_s": round(uptime_s, 3),
            "state": self._state([each["state"] for each in processes.values()], sources),
            "processes": dict(processes),
            "sources": sources,
            "publish": {
                # Known to the process that bound it, where any free port was asked for.
                "endpoint": cast("str", own.get("endpoint", self.settings.publish.endpoint)),
                "published": cast("int", own.get("published", 0)),
                "journal_rows": cast("int", own.get("journal_rows", 0)),
                "seq": cast("dict[str, int]", own.get("seq", {})),
            },
            "faults": self.faults(),
        }

    def state(self, processes: Iterable[str]) -> str:
        """Return the daemon's state alone; `processes` are the states of the children."""
        return self._state(processes, {each.name: self._source(each) for each in self.settings.source})

    def faults(self) -> list[Fault]:
        """Return what the processes work around at the moment, the oldest first."""
        found: list[Fault] = [
            {
                "process": report.process,
                "what": take_or(body, "what", str, ""),
                "detail": take_or(body, "detail", str, ""),
                "since": take_or(body, "since", float, 0.0),
            }
            for report in self.reports.values()
            for body in report.faults
        ]
        return sorted(found, key=lambda fault: fault["since"])

    def done(self, status: Status) -> bool:
        """Whether every source has ended, all of it is settled, and no session is open."""
        return all(
            source["state"] == "ended"
            and source["ledger"]["pending"] == 0
            and source["upstream"]["state"] in AT_REST
            for source in status["sources"].values()
        )

    def _state(self, processes: Iterable[str], sources: Mapping[str, SourceStatus]) -> str:
        if self.draining:
            return "draining"
        up = all(state == "ready" for state in processes)
        if not self.was_ready:
            if not up:
                return "starting"
            self.was_ready = True
        well = all(
            source["state"] in AT_WORK and source["upstream"]["state"] not in IN_TROUBLE
            for source in sources.values()
        )
        return "ready" if up and well and not self.faults() else "degraded"

    def _source(self, source: Source) -> SourceStatus:
        """Return one source's status: nothing known yet, then each stage's part laid over it."""
        denoise: DenoiseStatus = {
            "backend": source.denoise.backend,
            "mix": source.denoise.mix_in_force,
            "noise": "tracked",
            "adaptive": source.denoise.adaptive,
            "mix_now": 0.0,
            "delay_ms": 0.0,
            "reduction_db": 0.0,
            "rtf": 0.0,
        }
        upstream: UpstreamStatus = {
            "service": self.settings.upstream.service,
            "state": "idle",
            "session": None,
            "reconnects": 0,
            "rotations": 0,
            "backlog_s": 0.0,
            "error": None,
        }
        status: SourceStatus = {
            # Not seen yet is not there yet: a source is `lost` until its input delivers.
            "state": "lost",
            "started": None,
            "input": source.input,
            "device": source.device if source.input == "device" else source.path,
            "rate_hz": source.rate_hz,
            "level_dbfs": None,
            "snr_db": None,
            "xruns": 0,
            "ledger": {
                "captured": 0,
                "delivered": 0,
                "pending": 0,
                "dropped": {},
                "muted": 0,
                "gaps": {},
            },
            "denoise": denoise,
            "upstream": upstream,
            "latency_ms": {},
            "turns": 0,
            "opened": "",
            "verdicts": [],
        }
        verdicts: list[str] = []
        latency: dict[str, Quantiles] = {}
        for report in self.reports.values():
            part: Body = report.sources.get(source.name, {})
            # A stage may add fields; the ones above keep their place and order.
            status.update(cast("SourceStatus", {k: v for k, v in part.items() if k not in PIECEMEAL}))
            latency.update(cast("dict[str, Quantiles]", part.get("latency_ms", {})))
            verdicts += cast("list[str]", part.get("verdicts", []))
        status["latency_ms"] = latency
        status["verdicts"] = verdicts
        return status
