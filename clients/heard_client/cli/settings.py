"""`heardctl get` and `set`."""

from __future__ import annotations

import json
import tomllib

import click

from heard.wire.codec import Body
from heard_client.cli.options import Where, endpoints
from heard_client.cli.plain import to_json


@click.command(epilog="For example: heardctl get mic denoise.mix")
@click.argument("source")
@click.argument("key", required=False)
@endpoints
def get(source: str, key: str | None, control_given: str | None, transcripts_given: str | None) -> None:
    """Print KEY of SOURCE as it is in force now, or every key that can be read.

    One key a line: KEY = VALUE, the value as JSON.
    """
    with Where(control_given, transcripts_given).control() as control:
        _show(control.get(source, key))


@click.command("set", epilog="For example: heardctl set mic denoise.mix 0.5")
@click.argument("source")
@click.argument("key")
@click.argument("value")
@endpoints
def set_(source: str, key: str, value: str, control_given: str | None, transcripts_given: str | None) -> None:
    """Change KEY of SOURCE to VALUE while the daemon runs; print the value now in force.

    VALUE is read as JSON or TOML (0.5, true, ["heard", "denoise"]); anything else is text. A value that
    begins with a minus sign goes behind `--`. The change lasts until the daemon ends or
    reads its configuration again.
    """
    with Where(control_given, transcripts_given).control() as control:
        _show(control.set(source, key, read_value(value)))


def read_value(text: str) -> object:
    """Return what a person meant by `text`: a JSON value, a TOML value, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        content = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = content["value"]
    # A second line would be a second key; dates have no place on the wire.
    return value if len(content) == 1 and isinstance(value, bool | int | float | str | list) else text


def _show(values: Body) -> None:
    for key, value in sorted(values.items()):
        click.echo(f"{key} = {to_json(value)}")
