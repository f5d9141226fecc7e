"""`heardctl forget`."""

from __future__ import annotations

import sys

import click

from heard_client.cli import when
from heard_client.cli.options import Where, endpoints
from heard_client.control import Forgotten

EPILOG = """\b
T is a time as `heardctl history --help` explains it.

\b
For example:
  heardctl forget --since 10m
  heardctl forget --source line --until yesterday --yes
"""


@click.command(epilog=EPILOG)
@when.option("--since", "What was said at or after T.")
@when.option("--until", "What was said before T.")
@click.option("--source", metavar="NAME", help="Of this source only.")
@click.option("--all", "everything", is_flag=True, help="All that the journal has.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@endpoints
def forget(
    *,
    since: float | None,
    until: float | None,
    source: str | None,
    everything: bool,
    yes: bool,
    control_given: str | None,
    transcripts_given: str | None,
) -> None:
    """Delete what was said from the journal, for good.

    A turn that was said only in part within the span goes as a whole. The words are overwritten in the
    journal's files, the index for searching included; what subscribers got is theirs. Asks before it deletes.
    """
    limits = (since, until, source)
    if everything == any(limit is not None for limit in limits):
        raise click.UsageError("say what to forget: --since, --until, --source, or --all alone")
    with Where(control_given, transcripts_given).control() as control:
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nobody is there to be asked: say --yes")
            found = control.forget(
                since=since, until=until, source=source, everything=everything, dry_run=True
            )
            question = f"Delete {_counted(found)}{_told(since, until, source)}, for good?"
            if not click.confirm(question, err=True):
                raise click.ClickException("nothing was deleted")
        gone = control.forget(since=since, until=until, source=source, everything=everything)
    click.echo(f"deleted: {_counted(gone)}")
    for name in gone.left:
        why = "another program has it open: try again" if name.endswith("-wal") else "delete it yourself"
        click.echo(f"heardctl: {name} in the state directory may still hold words: {why}", err=True)


def _counted(forgotten: Forgotten) -> str:
    """Return how much that is, in words."""
    turns = "1 turn" if forgotten.finals == 1 else f"{forgotten.finals} turns"
    if not forgotten.events:
        return turns
    return f"{turns} and {forgotten.events} other {'entry' if forgotten.events == 1 else 'entries'}"


def _told(since: float | None, until: float | None, source: str | None) -> str:
    """Return what is meant, so that a slip is seen before it is too late."""
    return (
        (f" of {source}" if source is not None else "")
        + (f" since {when.shown(since)}" if since is not None else "")
        + (f" until {when.shown(until)}" if until is not None else "")
    )
