"""`heardctl reload`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, endpoints

TIMEOUT_S = 20.0
"""The daemon reads and checks every file before it answers."""


@click.command(epilog="For example: edit heard.toml, then: heard config check && heardctl reload")
@endpoints
def reload(control_given: str | None, transcripts_given: str | None) -> None:
    """Let the daemon read its configuration again, as at its start; a SIGHUP does the same.

    Where it has errors nothing changes. What cannot change while the daemon runs is named: that takes a
    restart. What was changed by `set` gives way to what is configured; a muted source stays muted.
    """
    with Where(control_given, transcripts_given).control(TIMEOUT_S) as control:
        for key in control.reload():
            click.echo(f"takes a restart: {key}")
