"""A bridge as a child process, before the sockets of a daemon that a test speaks for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heard.wire.codec import Body

from ...clients.peers import Publisher, answering, final, publishing
from ...support.poll import until
from ...support.processes import Child, started

WAIT_S = 30.0
SECRET = "whsec_" + "aGVhcmQgdGVzdHMgc2lnbiB3aXRoIHRoaXMga2V5"


@contextmanager
def daemon(folder: Path) -> Iterator[Publisher]:
    """Run both sockets of a daemon in `folder`, with a journal of what is published."""
    with publishing(folder / "transcripts") as it, answering(folder / "control", it.journal.answer):
        yield it


@contextmanager
def bridge(folder: Path, kind: str, *options: str, env: dict[str, str] | None = None) -> Iterator[Child]:
    """Run `heard bridge KIND` before the daemon in `folder`."""
    argv = [sys.executable, "-m", "heard", "bridge", kind, *options]
    argv += ["--endpoint", f"ipc://{folder}/control", "--transcripts", f"ipc://{folder}/transcripts"]
    if kind != "wyoming":
        argv += ["--state-dir", str(folder / "state")]
    with started(argv, limit_s=110, env={**os.environ, **(env or {})}) as child:
        yield child


def say(it: Publisher, source: str, *turn_ids: str, dropped: bool = False) -> None:
    """Publish finals of these ids, which are their texts, too."""
    for turn_id in turn_ids:
        it.send(f"transcript.final.{source}", turn(turn_id), dropped=dropped)


def turn(text: str, **more: object) -> Body:
    """Return a final whose id is its text."""
    return final(text, text, **more)


def status(it: Publisher, **states: str) -> None:
    """Publish a status with these sources and their states."""
    sources = {name: {"state": state, "denoise": {"mix": 0.3}} for name, state in states.items()}
    it.send("status", {"version": "1.2", "sources": sources, "publish": {"seq": dict(it.numbers)}})


def kept(folder: Path, name: str) -> str:
    """Return what a bridge's file holds, "" for none."""
    path = folder / "state" / "bridges" / f"{name}.json"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def complained(child: Child, words: str) -> None:
    """Wait until a bridge's log has these words."""
    until(lambda: words in child.complained(), WAIT_S, f"{words!r} in {child.complained()!r}")
