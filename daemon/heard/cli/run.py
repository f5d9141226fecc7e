"""`heard run`: the daemon in the foreground; what systemd runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from heard.cli.fail import CREDENTIALS, FAILURE, USAGE, Failure
from heard.cli.options import configured, settings_from
from heard.config import start_up_errors
from heard.metrics.requirements import lacking as metrics_lacking
from heard.recognizer.requirements import lacking as packages_lacking
from heard.settings import Settings
from heard.upstream.key import lacking
from heard.wire.control import Code, ControlError


@click.command()
@configured
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    help="text for people and the journal, json for collectors; over what `log_format` says.",
)
def run(config: Path | None, overrides: tuple[str, ...], log_format: str | None) -> int:
    """Run the daemon in the foreground until Ctrl-C or `heardctl stop`.

    \b
    Examples:
      heard run
      heard run --config /etc/heard/heard.toml
      heard run --set source.mic.denoise.mix=0.5 --set log_level=debug
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    if log_format is not None:
        overrides = (*overrides, f"log_format={log_format}")

    def read() -> Settings:
        try:
            settings = settings_from(config, overrides)
            check(settings)
        except Failure as failure:
            raise ControlError(Code.BAD_VALUE, "\n".join(failure.lines)) from None
        return settings

    return serve(settings_from(config, overrides), read)


def check(settings: Settings) -> None:
    """Look for what a start would stumble over.

    Raises:
        Failure: a file, a package or the key is not there; says which.
    """
    if errors := start_up_errors(settings):
        raise Failure(errors, USAGE)
    upstream = settings.upstream
    if upstream.service == "local" and (lack := packages_lacking()):
        raise Failure(lack, FAILURE)
    if settings.metrics.endpoint and (lack := metrics_lacking()):
        raise Failure(lack, FAILURE)
    if upstream.service == "assemblyai" and (lack := lacking(upstream.api_key_file, os.environ)):
        raise Failure(lack, CREDENTIALS)


def serve(settings: Settings, read: Callable[[], Settings] | None = None) -> int:
    """Run the daemon with `settings`; return its exit status. `read` reads them again, for a reload.

    Raises:
        Failure: it cannot start, for a reason that the line says.
    """
    check(settings)
    # Imported late: `heard run --help` needs neither ZeroMQ nor the rest.
    from heard.guard import KeysUnusableError  # noqa: PLC0415
    from heard.pipes import EndpointTakenError  # noqa: PLC0415
    from heard.supervise.activation import ActivationError  # noqa: PLC0415
    from heard.supervise.process import run as supervise  # noqa: PLC0415

    try:
        return supervise(settings, read)
    except EndpointTakenError as error:
        raise Failure(str(error), FAILURE) from None
    except (ActivationError, KeysUnusableError) as error:
        raise Failure(str(error), USAGE) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}", FAILURE) from None
