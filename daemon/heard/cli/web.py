"""`heard web`: the live page."""

from __future__ import annotations

import logging
import signal
import socket
import stat
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from heard.cli.fail import INTERRUPTED, USAGE, Failure
from heard.cli.places import asked
from heard.recognizer.bind import Address, TcpAddress, listen, read_address
from heard.recognizer.errors import StartError
from heard_client import EndpointError, HeardError
from heard_client.cli.options import endpoints

DEFAULT_BIND = "127.0.0.1:8787"


@click.command()
@click.option(
    "--bind",
    default=DEFAULT_BIND,
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen, or unix:PATH. Port 0 picks a free one.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File (mode 0600) with the token that a browser must show; needed beyond this machine.",
)
@click.option(
    "--host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers reach this server, beside localhost and addresses. May be repeated.",
)
@endpoints
def web(
    *,
    bind: str,
    token_file: Path | None,
    names: tuple[str, ...],
    control_given: str | None,
    transcripts_given: str | None,
) -> int:
    """Serve a live page: captions, levels, spectrograms, mute, noise reduction, search, downloads.

    Prints "listening on http://HOST:PORT" once the page can be opened, and serves until it is interrupted
    (exit code 130) or terminated (0). The daemon need not run yet, and may be restarted.

    \b
    Examples:
      heard web
      ssh -L 8787:localhost:8787 HOST           then open http://localhost:8787
      openssl rand -hex 16 > token; chmod 600 token
      heard web --bind 0.0.0.0:8787 --token-file token --host studio.local
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise Failure("the page needs what is not installed: pip install 'heard[web]'")
    from heard.web.gate import Gate  # noqa: PLC0415  # only where it is installed
    from heard.web.process import serve  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="heard web: %(message)s", stream=sys.stderr)
    token = "" if token_file is None else _token(token_file)
    where = asked(control_given, transcripts_given)
    listener, address = _listen(bind, has_token=bool(token))
    _tell_if_down(where.control)
    click.echo(f"listening on {address}")
    gate = Gate(token, frozenset(map(str.lower, names)))
    try:
        ended_by = serve(listener, where.control, where.transcripts, gate)
    except EndpointError as error:
        raise Failure(str(error), USAGE) from None
    return INTERRUPTED if ended_by == signal.SIGINT else 0


def _token(path: Path) -> str:
    from heard.web.gate import read_token  # noqa: PLC0415

    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise Failure(
                f"--token-file {path}: mode {mode:04o}: must be 0600, readable by its owner alone", USAGE
            )
        return read_token(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise Failure(f"--token-file {path}: cannot be read: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise Failure(f"--token-file {path}: cannot be read: not text", USAGE) from None
    except ValueError as error:
        raise Failure(f"--token-file {error}", USAGE) from None


def _listen(bind: str, *, has_token: bool) -> tuple[socket.socket, str]:
    try:
        address: Address = read_address(bind)
        beyond = isinstance(address, TcpAddress) and not address.is_loopback()
        if beyond and not has_token:
            raise Failure(
                f"--bind {bind}: others could read what is said here, and mute it: "
                f"give --token-file FILE, or a loopback address such as {DEFAULT_BIND}",
                USAGE,
            )
        listener, shown = listen(address, has_key=True)
    except StartError as error:
        raise Failure(str(error), error.exit_code) from None
    if beyond:
        click.echo("heard web: not encrypted: let a reverse proxy with TLS stand before it", err=True)
    return listener, shown.replace("ws://", "http://", 1)


def _tell_if_down(control: str) -> None:
    from heard_client.connect import probe  # noqa: PLC0415

    try:
        probe(control)
    except HeardError as error:
        click.echo(f"heard web: {error}; the page waits for it", err=True)
