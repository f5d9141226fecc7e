"""The options that every command has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import click

from heard_client.connect import check_endpoint, find_endpoints
from heard_client.control import Control

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Where:
    """The addresses given on the command line; None where the daemon's own are to be found."""

    control_given: str | None
    transcripts_given: str | None

    def control(self, timeout_s: float = 5.0) -> Control:
        """Return a connection to the control socket; see `Control` for its errors."""
        return Control(self.control_given or find_endpoints().control, timeout_s=timeout_s)

    def control_address(self) -> str | None:
        """Return where to ask for missed transcripts; None where only the publish socket was named."""
        if self.control_given is None and self.transcripts_given is not None:
            return None  # the daemon that would be found may be another one
        return self.control_given or find_endpoints().control

    def transcripts(self) -> str:
        """Return where the daemon publishes: as given, else as the running daemon says."""
        if self.transcripts_given is not None:
            return check_endpoint(self.transcripts_given)
        with self.control() as control:
            return check_endpoint(control.hello().transcripts)


def endpoints(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--endpoint` and `--transcripts`: the command gets `control_given` and `transcripts_given`."""
    for option in (
        click.option(
            "--transcripts",
            "transcripts_given",
            metavar="ADDRESS",
            help="The publish socket; by default where the running daemon says it publishes.",
        ),
        click.option(
            "--endpoint",
            "control_given",
            metavar="ADDRESS",
            help="The control socket, ipc:///PATH or tcp://HOST:PORT; by default found as the daemon does.",
        ),
    ):
        command = option(command)
    return command


def asked_sources(states: dict[str, str]) -> None:
    """Print the state of each source, one a line."""
    for name, state in sorted(states.items()):
        click.echo(f"{name}: {state}")
