"""`heardctl stop`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, endpoints


@click.command(epilog="For example: heardctl stop")
@endpoints
def stop(control_given: str | None, transcripts_given: str | None) -> None:
    """Let the daemon end: what was heard is transcribed and published first.

    Returns as soon as the daemon has understood. Under systemd use `systemctl stop heard`.
    """
    with Where(control_given, transcripts_given).control() as control:
        control.stop()
