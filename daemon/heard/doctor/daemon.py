"""Core: what the running daemon's status says is wrong (docs/wire.md, Status)."""

from __future__ import annotations

from collections.abc import Mapping

from heard.doctor.finding import Finding, fault, ok, warning
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import Body, take_or

CHECK = "daemon"
_FAULT_FIX = {
    "journal": "df -h: make room in state_dir; it heals by itself",
    "spool": "df -h: make room in state_dir; it heals by itself",
    "metrics": "ss -ltnp shows who has the port; or another metrics.endpoint",
}
_LOG = "its log: journalctl -u heard -n 50, or where `heard run` writes"


def status(found: Body) -> list[Finding]:
    """Judge the daemon: its processes, what they work around, the sessions, and where samples went."""
    findings = [*_processes(found), *_faults(found)]
    for name, source in _maps(found, "sources").items():
        findings += _session(name, take_or(source, "upstream", dict, {}))
        findings += _losses(name, source)
    if findings:
        return findings
    return [ok(CHECK, f"{take_or(found, 'state', str, '?')}; no process failed, no sample was lost")]


def source(found: Body, name: str) -> Body:
    """Return what the status says of one source, nothing where it knows none of that name."""
    return _maps(found, "sources").get(name, {})


def _processes(found: Body) -> list[Finding]:
    findings = []
    for name, process in _maps(found, "processes").items():
        state = take_or(process, "state", str, "")
        restarts = take_or(process, "restarts", int, 0)
        if state in ("failed", "backing-off"):
            findings.append(fault(f"process {name}", f"{state} after {restarts} restarts", _LOG))
        elif restarts:
            again = f"{state}; it was started again {restarts} time{'' if restarts == 1 else 's'}"
            findings.append(warning(f"process {name}", again, _LOG))
    return findings


def _faults(found: Body) -> list[Finding]:
    findings = []
    for each in take_or(found, "faults", list, []):
        if isinstance(each, dict):
            what, detail = take_or(each, "what", str, "?"), take_or(each, "detail", str, "")
            findings.append(fault(f"fault {what}", detail, _FAULT_FIX.get(what, _LOG)))
    return findings


def _session(name: str, upstream: Body) -> list[Finding]:
    check = f"upstream {name}"
    error = take_or(upstream, "error", str, "") or "no reason is known"
    match take_or(upstream, "state", str, ""):
        case "refused":
            return [fault(check, f"refused: {error}", "correct the key, then heardctl reconnect")]
        case "outage":
            backlog = take_or(upstream, "backlog_s", float, 0.0)
            away = f"the service cannot be reached: {error}; {backlog:.0f} s of audio wait"
            return [fault(check, away, "the check network says how far the way goes; heardctl reconnect")]
        case _:
            return []


def _losses(name: str, source: Body) -> list[Finding]:
    check = f"ledger {name}"
    ledger: Body = take_or(source, "ledger", dict, {})
    dropped = _counts(ledger, "dropped")
    parts = [take_or(ledger, key, int, 0) for key in ("captured", "delivered", "pending")]
    if parts[0] != parts[1] + parts[2] + sum(dropped.values()):
        return [fault(check, f"does not add up: {ledger}: a bug of heard", f"report it with {_LOG}")]
    findings = []
    if expired := dropped.get("expired", 0):
        lost = f"{_seconds(expired)} of audio expired: an outage was longer than capture.retention_s"
        findings.append(warning(check, lost, "raise capture.retention_s"))
    gaps = {reason: count for reason, count in _counts(ledger, "gaps").items() if count}
    if gaps:
        shown = ", ".join(f"{reason} {_seconds(count)}" for reason, count in gaps.items())
        findings.append(warning(check, f"not captured: {shown}", _LOG))
    if (xruns := take_or(source, "xruns", int, 0)) and "xrun" not in gaps:
        findings.append(warning(check, f"the device overran {xruns} times", "give heard more priority"))
    return findings


def _counts(body: Body, key: str) -> Mapping[str, int]:
    counts: Body = take_or(body, key, dict, {})
    return {reason: count for reason, count in counts.items() if isinstance(count, int)}


def _maps(body: Body, key: str) -> dict[str, Body]:
    return {name: each for name, each in take_or(body, key, dict, {}).items() if isinstance(each, dict)}


def _seconds(samples: int) -> str:
    return f"{samples / WORKING_RATE_HZ:.1f} s"
