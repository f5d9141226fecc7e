"""The real daemon against a v3 server that fails in mid-recording: no word lost, none twice.

The audio says of each sample which one it is (`coded_audio`), so what the server received is compared
sample for sample with what was captured.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.coded_audio import coded
from ..support.v3_server import Plan, V3Server, turns_of_five, v3_server
from .running import Body, Daemon, daemon

SECONDS = 18
RATE_HZ = 16000
BACK_S = 3.0

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


def _recording(folder: Path, seconds: int) -> Path:
    path = folder / "coded.wav"
    pcm = np.frombuffer(coded(0, seconds * RATE_HZ), "<i2")
    soundfile.write(path, pcm, RATE_HZ, subtype="PCM_16")
    return path


def _words(bodies: list[Body]) -> list[str]:
    return [word["text"] for body in bodies for word in body["words"]]


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


def _check(heard: Daemon, last: Body, server: V3Server, samples: int) -> None:
    """Check what every fault ends with: audio, words, ledger."""
    received = {n for record in server.records for n in record.samples}
    assert received == set(range(samples)), "every captured sample was sent"
    said = [f"w{n}" for n in range(samples // (RATE_HZ // 2)) if turns_of_five(n)]
    finals = sorted(heard.finals(), key=lambda final: final["start"])
    assert _words(finals) == said, "every word once, in order of its time"
    assert len({final["turn_id"] for final in finals}) == len(finals)
    assert server.violations == []
    for body in heard.bodies("status"):
        ledger = body["sources"]["mic"]["ledger"]
        assert ledger["captured"] == ledger["delivered"] + ledger["pending"] + sum(ledger["dropped"].values())
    ledger = last["sources"]["mic"]["ledger"]
    assert (ledger["captured"], ledger["delivered"], ledger["dropped"]) == (samples, samples, {})
    began = last["sources"]["mic"]["started"]
    for final in finals:
        for word in final["words"]:
            assert word["start"] == pytest.approx(began + int(word["text"][1:]) / 2, abs=0.06), "true times"


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow) for each in FAULTS],
)
def test_a_fault_in_mid_recording_costs_no_word(fault: str, tmp_path: Path) -> None:
    """Live first: each ends with all audio sent, every word once at its true time, the ledger whole."""
    with v3_server(*FAULTS[fault]) as server:
        heard, last = _run(_recording(tmp_path, SECONDS), server, "live-first", 80)
        _check(heard, last, server, SECONDS * RATE_HZ)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*FAULTS, *SLOW_FAULTS])
def test_in_order_costs_no_word_either(fault: str, tmp_path: Path) -> None:
    """The same faults, caught up in order on one session."""
    with v3_server(*{**FAULTS, **SLOW_FAULTS}[fault]) as server:
        heard, last = _run(_recording(tmp_path, SECONDS), server, "in-order", 115)
        _check(heard, last, server, SECONDS * RATE_HZ)


@pytest.mark.slow
@pytest.mark.parametrize("fault", list(SLOW_FAULTS))
def test_a_silent_peer_costs_no_word(fault: str, tmp_path: Path) -> None:
    """Faults that only time reveals: a peer that reads nothing, one that never begins."""
    with v3_server(*SLOW_FAULTS[fault]) as server:
        heard, last = _run(_recording(tmp_path, 30), server, "live-first", 115)
        _check(heard, last, server, 30 * RATE_HZ)
