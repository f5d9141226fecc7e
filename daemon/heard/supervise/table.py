"""The processes of the daemon, one line each, in the order in which they are stopped."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heard.pipes import Process
from heard.settings import Settings

RECOGNIZER_SOCKET = "recognizer"
"""Name of the embedded recognizer's unix socket in the runtime directory."""

VARIABLE = "ASSEMBLYAI_API_KEY"
"""Environment variable that holds the key."""
SECRETS = (VARIABLE, "CREDENTIALS_DIRECTORY")
"""Environment variables that lead to the key; `upstream` alone inherits them."""

DRAIN_S = 3.0
"""Longest time from the order to stop until `capture` has seen everything settled."""


@dataclass(frozen=True, slots=True)
class Child:
    """One line of the table.

    `ended_s`: so long after the stop began it is killed, if it has not ended by itself; all of them are gone
    within 5 s, whichever hang. `reports`: it speaks on the reports pipe; one that does not is ready when
    it prints a line that begins with `ready_line`. `realtime`: it may ask the kernel for a real-time
    priority.
    """

    name: Process
    module: str
    ended_s: float
    needs_key: bool = False
    takes_stdin: bool = False
    reports: bool = True
    ready_line: str = ""
    realtime: bool = False


# Stopped from the source down, so that each stage drains into one that still runs.
CHILDREN = (
    Child("capture", "heard.capture", ended_s=DRAIN_S + 0.8, takes_stdin=True, realtime=True),
    Child("denoise", "heard.denoise", ended_s=4.0),
    Child("upstream", "heard.upstream", ended_s=4.4, needs_key=True),
    Child("publish", "heard.publish", ended_s=4.6),
    Child("recognizer", "heard.recognizer", ended_s=4.7, reports=False, ready_line="listening on "),
    Child("metrics", "heard.metrics", ended_s=4.8),
)


def children(settings: Settings) -> tuple[Child, ...]:
    """Return the lines that `settings` ask for: the recognizer for the local service, metrics if wanted."""
    unwanted = set()
    if settings.upstream.service != "local":
        unwanted.add("recognizer")
    if not settings.metrics.endpoint:
        unwanted.add("metrics")
    return tuple(child for child in CHILDREN if child.name not in unwanted)


def command(child: Child, settings: Settings, lifeline: int) -> list[str]:
    """Return the command line of `child`. It holds no secret: any user can read it."""
    runtime_dir = Path(settings.runtime_dir)
    line = [sys.executable, "-m", child.module, "--lifeline", str(lifeline)]
    if child.name == "recognizer":
        address = f"unix:{runtime_dir / RECOGNIZER_SOCKET}"
        said = ["--log-level", settings.log_level, "--log-format", settings.log_format]
        return [*line, "--bind", address, "--engine", settings.recognizer.engine, *said]
    return [*line, "--runtime-dir", str(runtime_dir)]


def environment(child: Child, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `child`: ours, less what leads to the key unless it needs the key."""
    return {name: value for name, value in environ.items() if child.needs_key or name not in SECRETS}
