"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from heard.cli.fail import USAGE, Failure
from heard.config import ConfigError, load
from heard.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def configured(command: F) -> F:
    """Add --config and --set, passed as `config` and `overrides`."""
    command = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Set one key over the file, for example source.mic.denoise.mix=0.5. May be repeated.",
    )(command)
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="Read this file instead of $HEARD_CONFIG or the usual places.",
    )(command)


def settings_from(config: Path | None, overrides: Sequence[str]) -> Settings:
    """Return the effective settings.

    Raises:
        Failure: with every error of the configuration, exit code 2.
    """
    try:
        return load(config, overrides, os.environ).settings
    except ConfigError as error:
        raise Failure(error.errors, USAGE) from None
