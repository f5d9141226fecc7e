"""`heardctl reload`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, endpoints

TIMEOUT_S = 20.0
"""The daemon may start and stop sources before it answers."""


@click.command(epilog="For example: edit heard.toml, then: heard config check && heardctl reload")
@endpoints
def reload(control_given: str | None, transcripts_given: str | None) -> None:
    """Let the daemon read its configuration again."""
    with Where(control_given, transcripts_given).control(TIMEOUT_S) as control:
        control.reload()
