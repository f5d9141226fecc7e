"""`heardctl devices`, and the table that `heard devices` prints too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import click

from heard_client.cli.options import Where, endpoints

ANSWER_S = 15.0
"""The daemon itself waits 10 s for the sound system."""


@click.command()
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@endpoints
def devices(form: str, control_given: str | None, transcripts_given: str | None) -> None:
    """List the inputs that the daemon can hear, with the names that `device =` accepts.

    As a service it may see others than you do on a terminal.
    """
    with Where(control_given, transcripts_given).control(ANSWER_S) as control:
        rows = control.devices()
    if form == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        print_table(rows)


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print the devices for a person."""
    if not rows:
        raise click.ClickException('no input device found; a [[source]] with input = "file" needs none')
    from rich.console import Console  # noqa: PLC0415  # takes longer to load than most commands run
    from rich.table import Table  # noqa: PLC0415  # likewise

    table = Table(box=None, pad_edge=False)
    for column in ("name", "kind", "channels", "rate", "", ""):
        table.add_column(column, justify="right" if column in ("channels", "rate") else "left")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["kind"]),
            str(row["channels"]),
            f"{row['default_rate_hz']} Hz",
            "default" if row["default"] else "",
            str(row.get("description", "")),
        )
    Console(markup=False, highlight=False, soft_wrap=True).print(table)
