"""Audio that numbers its own samples, through the whole daemon: what was captured, sent, said and counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.coded_audio import coded
from ..support.v3_server import V3Server, turns_of_five
from .running import Body, Daemon

RATE_HZ = 16000


def recording(folder: Path, seconds: int) -> Path:
    """Write a recording of so many seconds, half a second a word, and return its path."""
    path = folder / "coded.wav"
    pcm = np.frombuffer(coded(0, seconds * RATE_HZ), "<i2")
    soundfile.write(path, pcm, RATE_HZ, subtype="PCM_16")
    return path


def words(bodies: list[Body]) -> list[str]:
    """Return the words of finals."""
    return [word["text"] for body in bodies for word in body["words"]]


def check(heard: Daemon, last: Body, server: V3Server, samples: int) -> None:
    """Check what every fault ends with: audio, words, ledger."""
    received = {n for record in server.records for n in record.samples}
    assert received == set(range(samples)), "every captured sample was sent"
    said = [f"w{n}" for n in range(samples // (RATE_HZ // 2)) if turns_of_five(n)]
    finals = sorted(heard.finals(), key=lambda final: final["start"])
    assert words(finals) == said, "every word once, in order of its time"
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
