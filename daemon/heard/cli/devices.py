"""`heard devices`: the inputs there are, with the names that `device =` accepts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TypedDict, cast

import click

from heard_client.cli.devices import print_table

LIMIT_S = 15.0
"""Longest wait for the sound system."""


class DeviceRow(TypedDict):
    """One input, as `--format json` prints it."""

    name: str
    kind: str
    channels: int
    default_rate_hz: int
    default: bool
    description: str


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def devices(form: str) -> None:
    """List the inputs with the names that `device =` accepts, monitors of outputs too."""
    rows = listed()
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    print_table(rows)


def listed() -> list[DeviceRow]:
    """Return the inputs.

    Asked of a process of its own: looking for devices may hang, and must not take us along.

    Raises:
        click.ClickException: PortAudio is not installed, or the sound system does not answer.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "heard.capture.devices"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise click.ClickException(
            f"the sound system did not answer within {LIMIT_S:g} s: restart PipeWire or PulseAudio"
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"looking for devices ended with {done.returncode}"]
        raise click.ClickException(lines[-1])
    return cast("list[DeviceRow]", json.loads(done.stdout))
