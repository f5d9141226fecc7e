"""The live page of a running daemon: `heard web` as a child process, and Chromium at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..support.browser import Browser, browser
from ..support.poll import until
from ..support.processes import Child, started
from .running import Daemon, command

READY_S = 60.0
PICTURES = Path(__file__).resolve().parents[2] / "out" / "web"
"""Where screenshots are kept for whoever wants to look."""


@contextmanager
def server(folder: Path, *options: str, limit_s: float = 400.0) -> Iterator[tuple[Child, str]]:
    """Run the page's server for the daemon in `folder` on a free port; yields the child and its URL."""
    sockets = ("--endpoint", f"ipc://{folder}/control", "--transcripts", f"ipc://{folder}/transcripts")
    argv = command("web", "--bind", "127.0.0.1:0", *sockets, *options)
    with started(argv, limit_s=limit_s) as child:
        yield child, address(child)


def address(child: Child) -> str:
    """Wait for the line that says where the page is, and return that."""
    found = until(
        lambda: re.search(r"^listening on (http://\S+)$", child.printed(), re.MULTILINE) or not child.running,
        READY_S,
        f"the page's server to listen\n{child.tail()}",
    )
    assert isinstance(found, re.Match), child.tail()
    return found[1]


@contextmanager
def at_page(heard: Daemon, *options: str) -> Iterator[Browser]:
    """Open the page of a running daemon in a browser."""
    with server(heard.folder, *options) as (_, url), browser() as someone:
        someone.size(1440, 1000)
        someone.open(url)
        yield someone
