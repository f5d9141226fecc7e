"""Core: what one check says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a finding means; only a fault fails."""

    OK = "ok"
    WARNING = "warning"
    """It works, and something about it should be known."""
    FAULT = "fault"
    """heard, or a part of it that is configured, cannot work like this."""
    SKIPPED = "skipped"
    """Not looked at; `found` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    check  what was looked at: "portaudio", "level mic"
    found  what there is, one line; never a secret
    fix    what to do, a command where there is one; "" where nothing is to be done
    """

    check: str
    state: State
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Finding:
    """Say that all is well."""
    return Finding(check, State.OK, found)


def warning(check: str, found: str, fix: str) -> Finding:
    """Say what should be known."""
    return Finding(check, State.WARNING, found, fix)


def fault(check: str, found: str, fix: str) -> Finding:
    """Say what is broken, and the fix."""
    return Finding(check, State.FAULT, found, fix)


def skipped(check: str, why: str) -> Finding:
    """Say why nobody looked."""
    return Finding(check, State.SKIPPED, why)


def failed(findings: Iterable[Finding]) -> bool:
    """Whether one of them is a fault."""
    return any(finding.state is State.FAULT for finding in findings)


def summary(findings: Iterable[Finding]) -> str:
    """Return the last line of the report."""
    states = [finding.state for finding in findings]
    faults, warnings = states.count(State.FAULT), states.count(State.WARNING)
    if not faults and not warnings:
        return "nothing is at fault"
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((faults, "fault"), (warnings, "warning"))
        if count
    ]
    return ", ".join(parts)
