"""Where no container can be booted the reason is told; where one can, its files are not the machine's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .container import container, forbidden


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    forbidden.cache_clear()


def test_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """No root; no systemd-nspawn, with the package that brings it."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert forbidden() == "booting a container takes root"
    forbidden.cache_clear()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert forbidden() == "systemd-nspawn is missing (Debian package systemd-container)"
    forbidden.cache_clear()


def test_what_happens_inside_stays_inside(tmp_path: Path) -> None:
    """Files, the host's network and processes; the container is gone with its block."""
    if reason := forbidden():
        pytest.skip(f"needs a booted systemd: {reason}")
    mark = Path("/etc/heard-test-mark")
    with container(tmp_path, 110) as box:
        box.write(str(mark), "inside\n")
        assert box.do("cat", str(mark)) == "inside\n"
        assert not mark.exists()
        assert box.do("cat", "/proc/1/comm") == "systemd\n"
        with box.listener() as listener:
            host, port = listener.getsockname()
            inside = box.do("cat", "/proc/net/tcp")
            assert f"0100007F:{port:04X}" in inside
            assert f"0100007F:{port:04X}" not in Path("/proc/net/tcp").read_text(encoding="ascii")
            assert host == "127.0.0.1"
        child = box.child
    assert not child.running
