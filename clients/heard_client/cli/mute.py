"""`heardctl mute` and `unmute`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, asked_sources, endpoints


@click.command(epilog="For example: heardctl mute mic")
@click.argument("source", required=False)
@endpoints
def mute(source: str | None, control_given: str | None, transcripts_given: str | None) -> None:
    """Close the device of SOURCE, or of all sources.

    Nothing is captured until `heardctl unmute`, also not after a restart of the daemon's processes.
    """
    with Where(control_given, transcripts_given).control() as control:
        asked_sources(control.mute(source))


@click.command(epilog="For example: heardctl unmute mic")
@click.argument("source", required=False)
@endpoints
def unmute(source: str | None, control_given: str | None, transcripts_given: str | None) -> None:
    """Open the device of SOURCE, or of all sources, again."""
    with Where(control_given, transcripts_given).control() as control:
        asked_sources(control.unmute(source))
