"""What systemd is told, by a real socket in its place."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from heard.settings import Settings, Source
from heard.supervise.headline import describe, describe_states
from heard.supervise.notify import Notifier
from heard.supervise.overview import Overview
from heard.supervise.progress import Progress
from heard.supervise.service import STATUS_S, Service
from heard.wire.status import ProcessStatus, Status


@pytest.fixture(name="systemd")
def _systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000000")
        yield systemd


def told(systemd: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(systemd.recv(4096).decode())
        except BlockingIOError:
            return found


def status_in(state: str, session: str = "open", error: str | None = None, backlog_s: float = 0.0) -> Status:
    up: ProcessStatus = {
        "pid": 1,
        "state": "ready",
        "restarts": 0,
        "rss_bytes": 0,
        "cpu_s": 0.0,
        "counters": {},
    }
    processes = dict.fromkeys(("supervise", "capture", "denoise", "upstream", "publish"), up)
    status = Overview(Settings(source=(Source(name="mic"),)), "run").status(processes, 1.0)
    status["state"] = state
    source = status["sources"]["mic"]
    source["state"], source["level_dbfs"], source["turns"] = "live", -31.4, 12
    upstream = source["upstream"]
    upstream["state"], upstream["error"], upstream["backlog_s"] = session, error, backlog_s
    return status


def test_ready_is_told_when_audio_flows_and_the_line_follows(systemd: socket.socket) -> None:
    """Not while starting; at every change of state, and every few seconds; the watchdog each time."""
    service = Service(Notifier(), Progress(local=False))
    service.tell(status_in("starting"), {}, 0.0)
    assert told(systemd) == ["STATUS=starting: mic live (open)", "WATCHDOG=1"]
    service.tell(status_in("ready"), {}, 1.0)
    line = "ready: mic live at -31 dBFS (upstream open, 12 turns)"
    assert told(systemd) == [f"READY=1\nSTATUS={line}", "WATCHDOG=1"]
    changed = status_in("ready")
    changed["sources"]["mic"]["turns"] = 13
    service.tell(changed, {}, 2.0)
    assert told(systemd) == ["WATCHDOG=1"]
    service.tell(changed, {}, 1.0 + STATUS_S)
    assert told(systemd)[0].endswith("13 turns)")


def test_a_reload_begins_and_ends(systemd: socket.socket) -> None:
    """RELOADING with the moment that notify-reload asks for, then READY, also where READY was told before."""
    service = Service(Notifier(), Progress(local=False))
    service.tell(status_in("ready"), {}, 0.0)
    told(systemd)
    service.reloading()
    service.reloaded()
    first, second = told(systemd)
    assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert second == "READY=1"


def test_the_watchdog_is_not_fed_while_audio_stands_still(
    systemd: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once in the log, with what stands still; fed again once audio gets on; fed while it drains."""
    caplog.set_level(logging.INFO)
    service = Service(Notifier(), Progress(local=False))
    for second in range(20):
        service.tell(status_in("ready"), {}, float(second))
    fed = told(systemd).count("WATCHDOG=1")
    assert 4 <= fed <= 7
    assert caplog.text.count("capture has reported nothing") == 1
    assert "ends the service unless that changes within 20 s" in caplog.text
    for process in ("capture", "denoise", "upstream", "publish"):
        service.reported(process, 20.0)
    status = status_in("ready")
    status["sources"]["mic"]["state"] = "muted"
    service.tell(status, {}, 20.0)
    assert told(systemd)[-1] == "WATCHDOG=1"
    assert "audio gets on again" in caplog.text
    service.stopping()
    service.tell(status_in("draining"), {}, 60.0)
    assert told(systemd) == ["STOPPING=1\nSTATUS=stopping: the last words are waited for", "WATCHDOG=1"]


def test_the_line_says_what_is_wrong() -> None:
    """An outage with its cause and what waits; a process that is down; a fault; always one line."""
    status = status_in("degraded", "outage", "connection refused", 41.3)
    status["processes"]["denoise"] = {**status["processes"]["denoise"], "state": "backing-off"}
    status["faults"] = [{"process": "publish", "what": "journal", "detail": "no room\nleft", "since": 0.0}]
    assert describe(status) == (
        "degraded: mic live at -31 dBFS (upstream outage: connection refused, 41 s to be sent, 12 turns); "
        "denoise backing-off; journal: no room left"
    )
    assert describe_states(status).startswith("degraded: mic live (outage); denoise backing-off; ")
