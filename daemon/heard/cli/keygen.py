"""`heard keygen`: the keys with which clients on other machines prove who they are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from heard.cli.fail import FAILURE, USAGE, Failure
from heard.cli.options import configured, settings_from
from heard.wire.endpoints import CONTROL, TRANSCRIPTS

KEYS = "keys"
CLIENTS = "clients"
SERVER = "server"
ENDPOINTS = {"control.endpoint": CONTROL, "publish.endpoint": TRANSCRIPTS}
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


@click.command()
@click.option("--server", is_flag=True, help="Make the daemon's own key pair.")
@click.option("--client", "client", metavar="NAME", help="Make a key pair for a client, and allow it.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write there; by default into keys below the daemon's state_dir.",
)
@configured
def keygen(
    config: Path | None, overrides: tuple[str, ...], folder: Path | None, *, server: bool, client: str | None
) -> None:
    """Make the keys that sockets over tcp:// ask for (CURVE), and say what to write into heard.toml.

    Once --server, then --client NAME for every client. A client's public key in keys/clients is what
    allows it to connect; take the file away, and a reload shuts the client out.

    \b
    Examples:
      heard keygen --server
      heard keygen --client laptop
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    if server == (client is not None):
        raise Failure("keygen: give --server or --client NAME", USAGE)
    if client is not None and not re.fullmatch(NAME, client):
        raise Failure(f"--client {client!r}: must be letters, digits, '-', '_' and '.'", USAGE)
    # Endpoints over tcp:// may be configured already, and lack the keys that are made here.
    settings = settings_from(
        config, [*overrides, *(f"{key}={default}" for key, default in ENDPOINTS.items())]
    )
    place = folder or Path(settings.state_dir) / KEYS
    place = place.expanduser().absolute()
    try:
        with _private(place):
            lines = _server(place) if client is None else _client(place, client)
    except OSError as error:
        raise Failure(f"{error.filename or place}: {error.strerror or error}", FAILURE) from None
    click.echo("\n".join(lines))


def _server(place: Path) -> list[str]:
    secret = place / f"{SERVER}.key_secret"
    public = place / f"{SERVER}.key"
    _write(secret, public)
    return [
        f"{secret}  the daemon's secret; stays on this machine",
        f"{public}  its public key; every client needs a copy",
        "",
        "In heard.toml, with an address of this machine that clients can reach:",
        "",
        "    [curve]",
        f"    secret_key_file = {json.dumps(str(secret))}",
        f"    allowed_clients_dir = {json.dumps(str(place / CLIENTS))}",
        "    [control]",
        '    endpoint = "tcp://192.0.2.7:5570"',
        "    [publish]",
        '    endpoint = "tcp://192.0.2.7:5571"',
        "",
        "Next: heard keygen --client NAME",
    ]


def _client(place: Path, name: str) -> list[str]:
    secret = place / f"{name}.key_secret"
    public = place / CLIENTS / f"{name}.key"
    _write(secret, public)
    return [
        f"{public}  allows {name} to connect, from the next `heardctl reload` on",
        f"{secret}  the client's secret: move it to the client's machine (scp, then rm), mode 0600",
        f"{place / f'{SERVER}.key'}  copy it there too",
        "",
        "On the client's machine:",
        "",
        "    heardctl status --endpoint tcp://192.0.2.7:5570 \\",
        f"      --server-key {SERVER}.key --key {name}.key_secret",
        "",
        "or once and for all in its heard.toml:",
        "",
        "    [curve]",
        f'    server_key_file = "~/.config/heard/{SERVER}.key"',
        f'    client_key_file = "~/.config/heard/{name}.key_secret"',
        "    [control]",
        '    endpoint = "tcp://192.0.2.7:5570"',
    ]


@contextmanager
def _private(place: Path) -> Iterator[None]:
    """Make `place` and the clients' folder in it, 0700, and let nothing that is made be open to others."""
    before = os.umask(0o077)
    try:
        (place / CLIENTS).mkdir(parents=True, exist_ok=True)
        _give(place / CLIENTS, place)
        yield
    finally:
        os.umask(before)


def _write(secret: Path, public: Path) -> None:
    """Make a key pair.

    Raises:
        Failure: there is one already.
    """
    from zmq.auth import create_certificates  # noqa: PLC0415 - slow, and for this alone

    for path in (secret, public):
        if path.exists():
            raise Failure(
                f"{path}: is there already; remove it, and what it was copied to, to make a new one"
            )
    made_public, made_secret = create_certificates(secret.parent, secret.stem)
    Path(made_secret).chmod(0o600)
    Path(made_public).replace(public)
    for path in (secret, public):
        _give(path, secret.parent)


def _give(path: Path, place: Path) -> None:
    """Give what root made to whom the folder around it belongs: the daemon's user."""
    owner = place.parent.stat()
    if os.geteuid() == 0:
        for each in (place, path):
            os.chown(each, owner.st_uid, owner.st_gid)
