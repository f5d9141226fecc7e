"""`heardctl endpoint`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, asked_sources, endpoints


@click.command(epilog="For example, on releasing a push-to-talk key: heardctl endpoint mic")
@click.argument("source", required=False)
@endpoints
def endpoint(source: str | None, control_given: str | None, transcripts_given: str | None) -> None:
    """End the turn that SOURCE is in now, without waiting for silence.

    Its final transcript follows at once. Without SOURCE: of all sources.
    """
    with Where(control_given, transcripts_given).control() as control:
        asked_sources(control.end_turn(source))
