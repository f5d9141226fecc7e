"""Core: does audio get on through every stage? Reports and the time come in, what stands still comes out.

systemd's watchdog is fed only while nothing does. What the world is to blame for is no standstill: an
outage, a refused key, a lost or muted device, a file at its end, a process that is being restarted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import take_or
from heard.wire.report import Report
from heard.wire.status import SourceStatus

STILL_S = 5.0
"""A position that has not changed for so long stands still; a report older than that is none."""
HANDSHAKE_S = 60.0
"""For so long a recognizer on this machine that says it is ready may take to open a session."""
SENDING_S = 45.0
"""For so long nothing may be sent in an open session: its own pings find a dead peer sooner than that."""
BEHIND = 2 * WORKING_RATE_HZ
"""Samples that may wait before a stage without its standing still: less is on its way."""

REPORTING = ("capture", "denoise", "upstream", "publish")


@dataclass(slots=True)
class _Mark:
    """A value, and since when it is the same (monotonic seconds)."""

    value: object
    since: float


@dataclass(slots=True)
class Progress:
    """What the stages' positions do.

    `local`: the recognizer is a child, so its silence is ours too. `stall_s`: after so long without audio
    capture itself says that a device is lost (capture.stall_ms).
    """

    local: bool
    stall_s: float = 0.0
    _reported: dict[str, float] = field(default_factory=dict)
    _marks: dict[tuple[str, str], _Mark] = field(default_factory=dict)
    _up_since: dict[str, float] = field(default_factory=dict)

    def reported(self, process: str, now: float) -> None:
        """Note that a report of `process` came in."""
        self._reported[process] = now

    def stuck(
        self,
        processes: Mapping[str, str],
        sources: Mapping[str, SourceStatus],
        reports: Mapping[str, Report],
        now: float,
    ) -> list[str]:
        """Return what stands still, one line each; empty while audio gets on.

        Call it about once a second: what changed in between has moved. `processes` are the states of the
        children, `reports` the newest of each.
        """
        for name, state in processes.items():
            if state != "ready":
                self._up_since.pop(name, None)
            else:
                self._up_since.setdefault(name, now)
        found = [
            f"{name} has reported nothing for {now - at:.0f} s"
            for name in REPORTING
            if self._up_for(name, now) > STILL_S
            and now - (at := max(self._reported.get(name, 0.0), self._up_since[name])) > STILL_S
        ]
        for name, source in sources.items():
            found += self._source(name, source, reports, now)
        return found

    def _source(
        self, name: str, source: SourceStatus, reports: Mapping[str, Report], now: float
    ) -> Iterator[str]:
        captured, backlog_s = source["ledger"]["captured"], source["upstream"]["backlog_s"]
        denoised = _position(reports.get("denoise"), "at", name)
        taken = _position(reports.get("upstream"), "at", name)
        sent = _position(reports.get("upstream"), "sent", name)
        is_open = source["upstream"]["state"] == "open"
        captured_for = self._still("captured", name, captured, now)
        denoised_for = self._still("denoised", name, denoised, now)
        taken_for = self._still("taken", name, taken, now)
        sent_for = self._still("sent", name, sent, now)
        open_for = self._still("open", name, is_open, now)
        if source["state"] != "live":
            return
        if source["input"] == "device" and self._stands("capture", captured_for, now, STILL_S + self.stall_s):
            yield f"{name}: nothing is captured for {captured_for:.0f} s"
        # A stage stands still only while audio comes in and waits before it.
        if (
            captured_for < STILL_S
            and captured - denoised > BEHIND
            and self._stands("denoise", denoised_for, now)
        ):
            yield f"{name}: denoise stands at sample {denoised} of {captured} for {denoised_for:.0f} s"
        if denoised_for < STILL_S and denoised - taken > BEHIND and self._stands("upstream", taken_for, now):
            yield f"{name}: upstream stands at sample {taken} of {denoised} for {taken_for:.0f} s"
        if backlog_s * WORKING_RATE_HZ <= BEHIND:
            return
        if is_open and self._stands("upstream", sent_for, now, SENDING_S):
            yield f"{name}: a session is open, and nothing of {backlog_s:.0f} s is sent for {sent_for:.0f} s"
        closed_for = min(open_for, self._up_for("recognizer", now), self._up_for("upstream", now))
        if self.local and not is_open and closed_for > HANDSHAKE_S:
            yield f"{name}: the recognizer opens no session for {closed_for:.0f} s"

    def _still(self, what: str, source: str, value: object, now: float) -> float:
        """Return for how long `value` has been the same, in seconds."""
        mark = self._marks.get((what, source))
        if mark is None or mark.value != value:
            mark = self._marks[what, source] = _Mark(value, now)
        return now - mark.since

    def _stands(self, process: str, still: float, now: float, limit_s: float = STILL_S) -> bool:
        """Whether a position of `process` stands still, and not because it has only just been started."""
        return min(still, self._up_for(process, now)) > limit_s

    def _up_for(self, process: str, now: float) -> float:
        return now - self._up_since.get(process, now)


def _position(report: Report | None, key: str, source: str) -> int:
    """Return a sample number of `source` that a stage reports in its `own` part; 0 where it reports none."""
    if report is None:
        return 0
    return take_or(take_or(report.own, key, dict, {}), source, int, 0)
