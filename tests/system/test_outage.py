"""The real daemon against a v3 server that fails in mid-recording: no word lost, none twice.

The audio says of each sample which one it is (`coded_audio`), so what the server received is compared
sample for sample with what was captured.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..support.v3_server import Plan, V3Server, v3_server
from .coded import RATE_HZ, check, recording
from .running import Body, Daemon, daemon

SECONDS = 18

FAULTS = {
    "reset": [Plan(reset_at_s=4.2), Plan(status=503), Plan()],
    "closed in mid-turn": [Plan(close_at_s=4.2), Plan()],
    "error before close": [Plan(close_at_s=5.0, close=(3005, "no"), error_text="Session Cancelled"), Plan()],
    "too many": [Plan(reset_at_s=3.0), Plan(status=429, retry_after="2"), Plan()],
    "refused at first": [Plan(status=500), Plan(status=502), Plan()],
    "expires": [Plan(expires_in_s=11), Plan()],
    "terminate unanswered": [Plan(termination="never"), Plan()],
}
QUICK = ("reset", "expires")
"""Run by `make test`; the others by `make test-slow`."""
SLOW_FAULTS = {
    "black hole": [Plan(deaf_at_s=4.0), Plan()],
    "no Begin": [Plan(begin=False), Plan()],
}


def _run(path: Path, server: V3Server, catch_up: str, limit_s: float) -> tuple[Daemon, Body]:
    """Run the daemon on the recording to its end; return what was heard and the last status."""
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    upstream = {
        "service": "assemblyai",
        "url": server.url,
        "catch_up": catch_up,
        "sessions_per_minute": 60,
        "connect_timeout_s": 3,
        "rotate_before_s": 5,
    }
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with daemon([source], env=env, limit_s=limit_s, top={"exit_when_done": True}, upstream=upstream) as heard:
        heard.until(lambda: not heard.child.running, limit_s - 5, "the daemon to end")
        heard.listen(0.2)
        assert heard.child.code == 0, heard.child.tail()
        assert "canary" not in heard.child.complained()
        return heard, heard.last_run()


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow) for each in FAULTS],
)
def test_a_fault_in_mid_recording_costs_no_word(fault: str, tmp_path: Path) -> None:
    """Live first: each ends with all audio sent, every word once at its true time, the ledger whole."""
    with v3_server(*FAULTS[fault]) as server:
        heard, last = _run(recording(tmp_path, SECONDS), server, "live-first", 80)
        check(heard, last, server, SECONDS * RATE_HZ)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*FAULTS, *SLOW_FAULTS])
def test_in_order_costs_no_word_either(fault: str, tmp_path: Path) -> None:
    """The same faults, caught up in order on one session."""
    with v3_server(*{**FAULTS, **SLOW_FAULTS}[fault]) as server:
        heard, last = _run(recording(tmp_path, SECONDS), server, "in-order", 115)
        check(heard, last, server, SECONDS * RATE_HZ)


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(SLOW_FAULTS))
def test_a_silent_peer_costs_no_word(fault: str, tmp_path: Path) -> None:
    """Faults that only time reveals: a peer that reads nothing, one that never begins."""
    with v3_server(*SLOW_FAULTS[fault]) as server:
        heard, last = _run(recording(tmp_path, 30), server, "live-first", 115)
        check(heard, last, server, 30 * RATE_HZ)
