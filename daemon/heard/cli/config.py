"""`heard config`: check, show or describe the configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from heard.cli.fail import USAGE, Failure
from heard.cli.options import configured
from heard.config import ConfigError, Loaded, effective, load, schema, start_up_errors


@click.group()
def config() -> None:
    """Check, show or describe the configuration."""


@config.command()
@configured
def check(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Print every error of the configuration; exit 2 if there is one.

    The files that it names must be there, as for `heard run`.
    """
    loaded = _loaded(config, overrides)
    if errors := start_up_errors(loaded.settings):
        raise Failure(errors, USAGE)
    click.echo(f"{_read_from(loaded)}: ok")


@config.command()
@configured
def show(config: Path | None, overrides: tuple[str, ...]) -> None:
    """Print the configuration in force as TOML: files, environment and --set together.

    Secrets are shown as asterisks.
    """
    loaded = _loaded(config, overrides)
    click.echo(f"# {_read_from(loaded)}\n{effective(loaded.settings)}", nl=False)


@config.command("schema")
@click.option("--config", expose_value=False, help="Taken as by the others; the schema is the same for any.")
def print_schema() -> None:
    """Print a JSON Schema of the configuration file: every key, its type, range and default."""
    click.echo(json.dumps(schema(), indent=2))


def _loaded(path: Path | None, overrides: tuple[str, ...]) -> Loaded:
    try:
        return load(path, overrides, os.environ)
    except ConfigError as error:
        raise Failure(error.errors, USAGE) from None


def _read_from(loaded: Loaded) -> str:
    return ", ".join(str(path) for path in loaded.files_read) or "built-in defaults"
