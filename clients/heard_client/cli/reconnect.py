"""`heardctl reconnect`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, asked_sources, endpoints


@click.command(epilog="For example, after the key was replaced: heardctl reconnect")
@click.argument("source", required=False)
@endpoints
def reconnect(source: str | None, control_given: str | None, transcripts_given: str | None) -> None:
    """Replace the speech-to-text session of SOURCE, or of all sources, by a new one.

    A service that refused the key is asked again at once.
    """
    with Where(control_given, transcripts_given).control() as control:
        asked_sources(control.reconnect(source))
