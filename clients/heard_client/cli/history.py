"""`heardctl history`."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Iterable

import click

from heard.wire.codec import Body
from heard_client.cli import when
from heard_client.cli.options import Where, endpoints
from heard_client.cli.pages import transcripts
from heard_client.cli.plain import to_json, wrap
from heard_client.cues import began
from heard_client.exports import FORMATS, dated, render

INDENT = "    "

EPILOG = """\b
T is a time here, on this machine's clock:
  14:30  9:05:30         the last time that it was so late
  today  yesterday       midnight; also 'yesterday 14:30'
  10m  2h  1h30m  3d     so long ago; -10m and '10 min ago' are the same
  2026-11-28T14:30       a day, or a day and a time; with Z or +02:00 elsewhere
  @1764340200            Unix seconds

\b
For example:
  heardctl history --since 10m
  heardctl history --since yesterday --until today --format srt > yesterday.srt
  heardctl history --source mic --after 41 --format json
"""


@click.command(epilog=EPILOG)
@when.option("--since", "What was said at or after T.")
@when.option("--until", "What was said before T.")
@click.option(
    "--after", type=click.IntRange(0), metavar="SEQ", help="What has a larger `seq`; needs --source."
)
@click.option("--source", metavar="NAME", help="Of this source only.")
@click.option("--run", metavar="ID", help="Of this run of the daemon only; with --after the current one.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@endpoints
def history(
    *,
    since: float | None,
    until: float | None,
    after: int | None,
    source: str | None,
    run: str | None,
    form: str,
    control_given: str | None,
    transcripts_given: str | None,
) -> None:
    """Print what was said, from the journal, in the order in which it was said.

    Without --since and --until: all that the journal has. Times in srt and vtt count from --since, and what
    came before is left out; else from the first word. json is one message a line, as published. The other
    formats show a final as it was corrected later, where it was.
    """
    if after is not None and source is None:
        raise click.UsageError("--after is a number of one source: name it with --source")
    args: Body = {
        "since": since,
        "until": until,
        "after": after,
        "source": source,
        "run": run or ("*" if after is None else None),
        "revised": form != "json",
    }
    with Where(control_given, transcripts_given).control() as control:
        show(transcripts(control, "history", args), form, since)


def show(bodies: Iterable[Body], form: str, since: float | None) -> None:
    """Print transcripts: text and json as they come, the other formats once all are there."""
    match form:
        case "text":
            columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
            for body in bodies:
                click.echo(_broken(dated(body), columns), nl=False)
        case "json":
            for body in bodies:
                click.echo(to_json(body))
        case _:
            # Nothing here makes cycles, and to look for some among a day's words takes a third of the time.
            gc.disable()
            every = list(bodies)
            started = min(map(began, every), default=0.0) if since is None else since
            click.echo(render(every, form, started), nl=False)


def _broken(line: str, columns: int) -> str:
    """Return a line for a terminal of so many columns: broken between words, the rest indented."""
    if not columns or not line:
        return line
    first, *rest = wrap(line, max(columns - len(INDENT), 20))
    return "".join(f"{each}\n" for each in (first, *(f"{INDENT}{each}" for each in rest)))
