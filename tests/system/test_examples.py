"""The programs of `clients/examples`, as they stand, against the real daemon."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heard.demo import recording

from ..support.corpus import RATE_HZ, Utterance, utterance
from ..support.processes import Child, run, started
from ..support.wer import word_error_rate
from .running import Daemon, daemon, folder

EXAMPLES = Path(__file__).resolve().parents[2] / "clients" / "examples"
END_S = 60


@contextmanager
def place() -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a runtime directory for the daemon, and the environment in which programs find it."""
    with folder() as base:
        path = base / "heard"
        path.mkdir(mode=0o700)
        yield path, os.environ | {"XDG_RUNTIME_DIR": str(base)}


def finish(child: Child, heard: Daemon) -> str:
    """Wait for a program's own end and return what it printed."""
    heard.until(lambda: not child.running, END_S, f"the end of {child!r}")
    assert child.code == 0, child.tail()
    return child.printed()


LEAD_S = 3
"""Nothing is said for so long, so that who subscribes while it begins misses nothing."""


def led(folder: Path, said: Utterance) -> Path:
    """Write an utterance with silence before it; return its path."""
    path = folder / f"{said.name}.wav"
    soundfile.write(path, np.concatenate([np.zeros(LEAD_S * RATE_HZ), said.samples()]), RATE_HZ)
    return path


def test_programs_hear_a_call(tmp_path: Path) -> None:
    """Ten lines of Python, bash with nothing of ours, minutes, and figures of a call of two sources."""
    said = {name: utterance(name) for name in ("vctk-p225-011", "vctk-p226-016")}
    caller, agent = said.values()
    sources = [
        {"name": name, "input": "file", "path": str(led(tmp_path, each))}
        for name, each in (("caller", caller), ("agent", agent))
    ]
    with place() as (path, env), ExitStack() as stack:

        def start(*words: str | Path) -> Child:
            return stack.enter_context(started(words, limit_s=110, env=env))

        # These may come before the daemon, and so miss nothing of it.
        lines = start(sys.executable, EXAMPLES / "subscribe.py")
        figures = start(sys.executable, EXAMPLES / "call_analytics.py")
        notes = start(sys.executable, EXAMPLES / "meeting_notes.py", tmp_path / "notes.md")
        heard = stack.enter_context(daemon(sources, place=path, limit_s=110))
        heard.until((path / "transcripts").exists, 60, "the sockets")
        shell = start("bash", EXAMPLES / "subscribe.sh", "agent")
        report = json.loads(finish(figures, heard))
        finish(notes, heard)
        heard.catch_up()
        heard.until(lambda: heard.finals("agent")[-1]["text"] in shell.printed(), END_S, shell.tail())
        every = caller.transcript + " " + agent.transcript
        heard.until(
            lambda: len(lines.printed().split()) > 0.7 * len(every.split()), END_S, "what subscribe.py prints"
        )
        assert word_error_rate([(agent.transcript, shell.printed().replace("agent: ", ""))]) <= 0.3
        minutes = (tmp_path / "notes.md").read_text(encoding="utf-8")
        assert minutes.startswith("# Meeting of ")
        for final in heard.finals():
            assert final["text"] in minutes
            assert f"**{final['source']}** (" in minutes
        assert report["turns"] == {name: len(heard.finals(name)) for name in ("caller", "agent")}
        assert sum(report["talk_share"].values()) == pytest.approx(1.0, abs=0.01)
        assert 0 < report["overlap_s"] < report["call_s"] < 15
        assert report["latency_ms_median"] > 0


@pytest.mark.slow
def test_push_to_talk_hears_what_is_said_between_two_keys() -> None:
    """Muted before and after; the answer holds the words."""
    source = {"name": "mic", "input": "file", "path": str(recording()), "loop": True}
    talk = [sys.executable, str(EXAMPLES / "push_to_talk.py")]
    with place() as (path, env), daemon([source], place=path) as heard:
        heard.wait_ready()
        with started(talk, limit_s=80, env=env, stdin=True) as child:
            heard.until(lambda: heard.source("mic")["state"] == "muted", 20, "the device to be closed")
            child.write(b"\n")
            heard.until(lambda: heard.source("mic")["state"] == "live", 10, "the device to be open")
            heard.listen(6)
            child.write(b"\n")
            heard.until(lambda: "You said:" in child.printed(), 20, child.tail())
            assert len(child.printed().partition("You said:")[2].split()) >= 5
            assert heard.source("mic")["state"] == "muted"
            child.close_stdin()
            finish(child, heard)


@pytest.mark.slow
def test_node_hears_every_final(tmp_path: Path) -> None:
    """With npm's packages as package.json asks for them; their compiled part comes with them."""
    shutil.copytree(EXAMPLES / "node", tmp_path / "node")
    installed = run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], limit_s=90, cwd=tmp_path / "node"
    )
    assert installed.code == 0, installed.stderr
    said = utterance("vctk-p225-011")
    source = {"name": "mic", "input": "file", "path": str(said.path)}
    with (
        place() as (path, env),
        started(["node", tmp_path / "node" / "subscribe.mjs"], limit_s=80, env=env) as child,
        daemon([source], place=path) as heard,
    ):
        heard.until(lambda: heard.source("mic")["state"] == "ended", 50, "the end of the file")
        heard.until(
            lambda: heard.finals() and child.printed().count("\n") == len(heard.finals()), 10, child.tail()
        )
        assert child.printed() == "".join(f"mic: {final['text']}\n" for final in heard.finals())
