"""`heardctl search`."""

from __future__ import annotations

import sys

import click

from heard.wire.codec import Body
from heard_client.cli import when
from heard_client.cli.history import show
from heard_client.cli.options import Where, endpoints
from heard_client.cli.pages import transcripts

EPILOG = """\b
T is a time as `heardctl history --help` explains it.

\b
For example:
  heardctl search invoice
  heardctl search '"next tuesday"' meet* --since 7d
"""


@click.command(epilog=EPILOG)
@click.argument("words", nargs=-1, required=True)
@when.option("--since", "What was said at or after T.")
@when.option("--until", "What was said before T.")
@click.option("--source", metavar="NAME", help="Of this source only.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="So many at most.")
@click.option("--format", "form", type=click.Choice(("text", "json")), default="text", show_default=True)
@endpoints
def search(
    *,
    words: tuple[str, ...],
    since: float | None,
    until: float | None,
    source: str | None,
    limit: int,
    form: str,
    control_given: str | None,
    transcripts_given: str | None,
) -> None:
    """Print what was said with all of WORDS in it, the newest first.

    Words "in quotes" (which the shell must not eat) follow each other; begin* is every word that begins so.
    Case and accents do not count. json is one message a line, as published.
    """
    args: Body = {"words": " ".join(words), "since": since, "until": until, "source": source}
    with Where(control_given, transcripts_given).control() as control:
        found = list(transcripts(control, "search", args, limit + 1))
    show(found[:limit], form, since)
    if len(found) > limit:
        click.echo(f"heardctl: there are more than {limit}: see --limit and --since", err=True)
    elif not found and sys.stderr.isatty():
        click.echo("heardctl: nothing was said with all of these words", err=True)
