"""The options that every command has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    """Add `--endpoint` and `--transcripts`: the command gets `control_given` and `transcripts_given`.

    `--server-key` and `--key` count for every connection that the command makes.
    """
    for option in (
        click.option(
            "--key",
            "client_key_file",
            metavar="FILE",
            expose_value=False,
            callback=_variable("HEARD_CURVE__CLIENT_KEY_FILE"),
            help="Over tcp://: this client's own key, NAME.key_secret, as `heard keygen --client` makes it.",
        ),
        click.option(
            "--server-key",
            "server_key_file",
            metavar="FILE",
            expose_value=False,
            callback=_variable("HEARD_CURVE__SERVER_KEY_FILE"),
            help="Over tcp://: the daemon's public key, server.key.",
        ),
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


def _variable(name: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    """Return a callback that puts an option's value where the configuration is looked for.

    So it is found by every connection, whoever makes it; it lasts as long as the command.
    """

    def callback(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.with_resource(_set(name, value))

    return callback


@contextmanager
def _set(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    # As text in quotes: the daemon reads a variable as TOML where it is TOML.
    os.environ[name] = json.dumps(value)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def asked_sources(states: dict[str, str]) -> None:
    """Print the state of each source, one a line."""
    for name, state in sorted(states.items()):
        click.echo(f"{name}: {state}")
