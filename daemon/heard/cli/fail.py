"""How a command ends early: one line on stderr, and the exit code that docs/wire.md gives it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO

import click

FAILURE = 1
USAGE = 2
NOT_RUNNING = 3
CREDENTIALS = 4
INTERRUPTED = 130


class Failure(click.ClickException):
    """Ends the command with `exit_code` after one line per message on stderr."""

    def __init__(self, messages: str | Sequence[str], exit_code: int = FAILURE) -> None:
        lines = [messages] if isinstance(messages, str) else list(messages)
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: IO[str] | None = None) -> None:
        """Print the lines, each with the program's name."""
        for line in self.lines:
            print(f"heard: {line}", file=file or sys.stderr)
