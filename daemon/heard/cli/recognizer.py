"""`heard recognizer`: the v3-compatible speech recognizer alone, for any client on this machine."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from heard.cli.fail import Failure
from heard.recognizer.bind import DEFAULT_BIND
from heard.recognizer.errors import StartError
from heard.recognizer.process import Options
from heard.recognizer.process import run as serve
from heard.recognizer.registry import DEFAULT_ENGINE


@click.command()
@click.option(
    "--bind",
    default=DEFAULT_BIND,
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen, or unix:PATH. Port 0 picks a free one.",
)
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    metavar="KEYFILE",
    help="File with the key that clients must present; needed beyond loopback.",
)
@click.option(
    "--engine", default=DEFAULT_ENGINE, show_default=True, metavar="NAME", help="What reads speech."
)
def recognizer(bind: str, key_file: Path | None, engine: str) -> int:
    """Serve speech recognition over AssemblyAI's streaming v3 protocol, at /v3/ws.

    Prints "listening on ws://HOST:PORT" once clients are welcome, and serves until it is interrupted
    (exit code 130) or terminated (0).

    \b
    Examples:
      heard recognizer
      heard recognizer --bind 0.0.0.0:8765 --key /etc/heard/recognizer.key
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    logging.basicConfig(level=logging.WARNING, format="recognizer: %(message)s", stream=sys.stderr)
    try:
        return serve(Options(bind=bind, key_file=key_file, engine=engine))
    except StartError as error:
        raise Failure(str(error), error.exit_code) from None
