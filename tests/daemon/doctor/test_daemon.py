"""What is said of a daemon, from its status."""

from __future__ import annotations

import copy

import pytest

from heard.doctor import daemon
from heard.doctor.finding import State
from heard.settings import Settings
from heard.supervise.overview import Overview
from heard.wire.codec import Body, pack, unpack

PROCESS = {"pid": 5, "state": "ready", "restarts": 0, "rss_bytes": 1, "cpu_s": 0.0, "counters": {}}


def status(**changes: object) -> Body:
    """Return the status of a daemon that is well, as it arrives, with fields changed."""
    made = Overview(Settings(), "run").status({"capture": PROCESS}, 5.0)  # type: ignore[dict-item]  # as it is
    body = unpack(pack(copy.deepcopy(made)))
    for name, value in changes.items():
        *path, last = name.split("__")
        at = body
        for key in path:
            at = at[key]  # type: ignore[assignment]  # maps all the way
        at[last] = value
    return body


@pytest.mark.parametrize(
    ("changes", "check", "state", "found", "fix"),
    [
        ({}, "daemon", State.OK, "no sample was lost", ""),
        ({"processes__capture__state": "failed"}, "process capture", State.FAULT, "failed", "journalctl"),
        (
            {"processes__capture__state": "backing-off"},
            "process capture",
            State.FAULT,
            "backing-off",
            "journalctl",
        ),
        ({"processes__capture__restarts": 2}, "process capture", State.WARNING, "again 2 times", "journal"),
        (
            {"faults": [{"process": "publish", "what": "journal", "detail": "full", "since": 1.0}]},
            "fault journal",
            State.FAULT,
            "full",
            "df -h",
        ),
        (
            {"sources__mic__upstream__state": "refused", "sources__mic__upstream__error": "401"},
            "upstream mic",
            State.FAULT,
            "401",
            "heardctl reconnect",
        ),
        (
            {"sources__mic__upstream__state": "outage", "sources__mic__upstream__backlog_s": 7.4},
            "upstream mic",
            State.FAULT,
            "7 s of audio wait",
            "reconnect",
        ),
        ({"sources__mic__ledger__captured": 5}, "ledger mic", State.FAULT, "does not add up", "report"),
        (
            {
                "sources__mic__ledger__captured": 16000,
                "sources__mic__ledger__dropped": {"expired": 16000},
            },
            "ledger mic",
            State.WARNING,
            "1.0 s of audio expired",
            "capture.retention_s",
        ),
        (
            {"sources__mic__ledger__gaps": {"device-lost": 8000, "xrun": 0}},
            "ledger mic",
            State.WARNING,
            "device-lost 0.5 s",
            "journalctl",
        ),
        ({"sources__mic__xruns": 3}, "ledger mic", State.WARNING, "overran 3 times", "priority"),
    ],
)
def test_what_is_wrong(changes: dict[str, object], check: str, state: State, found: str, fix: str) -> None:
    """Each field that tells of trouble is told of, with what to do."""
    (finding,) = daemon.status(status(**changes))
    assert (finding.check, finding.state) == (check, state)
    assert found in finding.found
    assert fix in finding.fix


def test_one_source() -> None:
    """What it says of a source, nothing of one that it does not know."""
    assert daemon.source(status(), "mic")["state"] == "lost"
    assert daemon.source(status(), "other") == {}
