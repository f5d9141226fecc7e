"""systemd's socket, with a real one in its place."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from heard.supervise.notify import Notifier


def test_systemd_is_told_once_per_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields arrive as lines; the same message is not sent twice; children do not inherit the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notifier = Notifier()
        assert "NOTIFY_SOCKET" not in os.environ
        notifier.tell(READY="1", STATUS="ready: mic live")
        notifier.tell(READY="1", STATUS="ready: mic live")
        notifier.tell(STOPPING="1")
        assert systemd.recv(1024) == b"READY=1\nSTATUS=ready: mic live"
        assert systemd.recv(1024) == b"STOPPING=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, no message, no error."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.tell(READY="1")
    notifier.feed()
    assert notifier.watchdog_s is None


@pytest.mark.parametrize(("pid", "watchdog_s"), [("", 2.5), ("own", 2.5), ("1", None)])
def test_the_watchdog_is_fed_by_whom_it_is_meant_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: str, watchdog_s: float | None
) -> None:
    """As WATCHDOG_PID says; the same message each time, and no child inherits it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2500000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
        notifier = Notifier()
        assert notifier.watchdog_s == watchdog_s
        assert "WATCHDOG_USEC" not in os.environ
        notifier.feed()
        notifier.feed()
        for _ in range(2 if watchdog_s else 0):
            assert systemd.recv(1024) == b"WATCHDOG=1"
        with pytest.raises(BlockingIOError):
            systemd.recv(1024)
