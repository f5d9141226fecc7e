"""Audio that numbers its own samples, through the whole daemon: what was captured, sent, said and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.coded_audio import coded
from ..support.v3_server import V3Server, turns_of_five
from .running import Body, Daemon, daemon

RATE_HZ = 16000
WORD = RATE_HZ // 2


def recording(folder: Path, seconds: int, first_s: int = 0) -> Path:
    """Write a recording of so many seconds, numbered as if from `first_s` on; return its path."""
    path = folder / "coded.wav"
    pcm = np.frombuffer(coded(first_s * RATE_HZ, seconds * RATE_HZ), "<i2")
    soundfile.write(path, pcm, RATE_HZ, subtype="PCM_16")
    return path


@contextmanager
def hearing(
    path: Path,
    url: str,
    *,
    limit_s: float = 90.0,
    env: dict[str, str] | None = None,
    place: Path | None = None,
    prefix: tuple[str, ...] = (),
    retention_s: float = 300,
    exit_when_done: bool = True,
    **upstream: object,
) -> Iterator[Daemon]:
    """Run the daemon on such a recording, bit-exact, against the server at `url`."""
    source = {"name": "mic", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
    service: dict[str, object] = {
        "service": "assemblyai",
        "url": url,
        "sessions_per_minute": 1000,
        "connect_timeout_s": 3,
        "rotate_before_s": 5,
    }
    with daemon(
        [source],
        limit_s=limit_s,
        env={**os.environ, "ASSEMBLYAI_API_KEY": "canary", **(env or {})},
        place=place,
        prefix=prefix,
        top={"exit_when_done": exit_when_done},
        capture={"retention_s": retention_s},
        upstream=service | upstream,
    ) as heard:
        yield heard


def finish(heard: Daemon, limit_s: float) -> Body:
    """Listen to the daemon's own end and return its last status.

    Raises:
        TimeoutError: it goes on after `limit_s`.
    """
    last = heard.ended(limit_s)
    assert "canary" not in heard.child.complained()
    return last


def words(bodies: list[Body]) -> list[str]:
    """Return the words of finals."""
    return [word["text"] for body in bodies for word in body["words"]]


def check(heard: Daemon, last: Body, server: V3Server, samples: int) -> None:
    """Check what every fault ends with: audio, words, ledger."""
    received = {n for record in server.records for n in record.samples}
    assert received == set(range(samples)), "every captured sample was sent"
    assert heard.bodies("gap.") == []
    said = [f"w{n}" for n in range(samples // WORD) if turns_of_five(n)]
    assert words(_finals(heard, last)) == said, "every word once, in order of its time"
    assert server.violations == []
    ledger = last["sources"]["mic"]["ledger"]
    assert (ledger["captured"], ledger["delivered"], ledger["dropped"]) == (samples, samples, {})


def check_but(
    heard: Daemon, last: Body, server: V3Server, samples: int, reason: str
) -> list[tuple[int, int]]:
    """Check the same where `gap` messages say that something was given up; return those samples."""
    began = last["sources"]["mic"]["started"]
    lost: list[tuple[int, int]] = []
    for gap in heard.bodies("gap.mic"):
        assert gap["reason"] == reason
        first = round((gap["start"] - began) * RATE_HZ)
        assert round((gap["end"] - gap["start"]) * RATE_HZ) == gap["samples"]
        lost.append((first, first + gap["samples"]))
    given_up = {n for first, stop in lost for n in range(first, stop)}
    assert len(given_up) == sum(stop - first for first, stop in lost), "no sample is given up twice"
    ledger = last["sources"]["mic"]["ledger"]
    assert ledger["dropped"] == {reason: len(given_up)}
    assert (ledger["captured"], ledger["delivered"]) == (samples, samples - len(given_up))
    received = {n for record in server.records for n in record.samples}
    assert received | given_up == set(range(samples)), "every sample was sent, or was said to be lost"
    due = [n for n in range(samples // WORD) if turns_of_five(n)]
    whole = [f"w{n}" for n in due if not given_up & set(range(n * WORD, (n + 1) * WORD))]
    said = words(_finals(heard, last, frozenset(f"w{n // WORD}" for n in given_up)))
    assert [word for word in said if word in whole] == whole, "every word that was not given up, once"
    assert len(said) == len(set(said))
    assert server.violations == []
    return lost


def _finals(heard: Daemon, last: Body, hurt: frozenset[str] = frozenset()) -> list[Body]:
    """Return the finals by their times, which are true, and their ids, which are unique.

    `hurt` are words that began or ended in audio that was lost: heard, if at all, in part.
    """
    finals = sorted(heard.finals(), key=lambda final: final["start"])
    assert len({final["turn_id"] for final in finals}) == len(finals)
    began = last["sources"]["mic"]["started"]
    for final in finals:
        for word in final["words"]:
            spoken = began + int(word["text"][1:]) / 2
            told = pytest.approx(spoken, abs=0.06)
            assert word["start"] == told or word["text"] in hurt, f"true times: {word['text']}"
    return finals
