"""`heard doctor` beside a daemon that is well, that hangs, that has died, with a stage that failed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from heard.doctor.finding import State

from ..support.poll import until
from .examined import FILE, Report, asked, examined
from .running import daemon

LOOPING = {**FILE, "loop": True}


def test_one_that_is_well_then_hangs_then_has_died() -> None:
    """Its status is told, nothing is started beside it; stopped it is named; killed it leaves a socket."""
    with daemon([LOOPING]) as heard:
        heard.wait_ready()
        config = heard.folder / "heard.toml"

        def well() -> Report | None:
            found = asked(config)
            return None if found.faults() else found

        # On a busy machine the daemon may be late with an answer, which is a fault after 1 s.
        report = until(well, 60, "a report without a fault")
        assert report is not None
        assert report.code == 0
        assert f"process {heard.child.pid} (" in report.of("control").found
        assert report.of("daemon").found == "ready; no process failed, no sample was lost"
        assert not [each for each in report.findings if each.check == "recognizer"]
        heard.child.signal(signal.SIGSTOP)
        began = time.monotonic()
        finding = examined(config).of("control")
        assert time.monotonic() - began < 30, "it waits for ever"
        assert finding.state is State.FAULT
        assert f"process {heard.child.pid}" in finding.found
        assert "no answer to status within 1 s" in finding.found
        assert f"kill {heard.child.pid}" in finding.fix
        heard.child.kill()
        report = examined(config)
        assert report.faults() == {}
        assert "left over" in report.of("control").found


@pytest.mark.slow
def test_one_with_a_stage_that_does_not_start() -> None:
    """A file that the stages read is broken, and one of them ends: the report names it."""
    with daemon([LOOPING]) as heard:
        heard.wait_ready()
        (heard.folder / "run.msgpack").write_bytes(b"no map")
        before = heard.status()["processes"]["denoise"]
        os.kill(before["pid"], signal.SIGKILL)
        config = heard.folder / "heard.toml"
        heard.until(
            lambda: heard.status()["processes"]["denoise"]["state"] in ("backing-off", "failed"),
            20,
            "a stage that is not up",
        )
        faults = {}
        deadline = time.monotonic() + 20
        # Between two attempts it is starting, which is no fault yet.
        while "process denoise" not in faults and time.monotonic() < deadline:
            faults = examined(config).faults()
        assert "after" in faults["process denoise"].found
        assert "journalctl" in faults["process denoise"].fix


@pytest.mark.slow
def test_a_source_that_is_lost(tmp_path: Path) -> None:
    """Said by the daemon's status; the device is not opened by the doctor."""
    source = {"name": "mic", "input": "device", "device": "nowhere", "denoise": {"backend": "off"}}
    with daemon([source]) as heard:
        heard.wait_ready("degraded")
        finding = examined(heard.folder / "heard.toml", listen_s=1.0).of("device mic")
        assert finding.state is State.FAULT
        assert "'nowhere' is lost to the running daemon" in finding.found
        assert "heard devices" in finding.fix
