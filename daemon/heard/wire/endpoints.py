"""Where the daemon's sockets are when nobody says; the daemon and its clients ask here alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CONTROL = "ipc://{runtime_dir}/control"
TRANSCRIPTS = "ipc://{runtime_dir}/transcripts"

MAX_PORT = 65535
IPC_PATH_LIMIT = 107
"""Bytes of a unix socket's path on Linux (sun_path less its final zero byte)."""


def runtime_dir(environ: Mapping[str, str], configured: str = "") -> Path:
    """Return the runtime directory: `configured`, $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/heard, /run/heard."""
    if configured:
        return Path(configured)
    if given := environ.get("RUNTIME_DIRECTORY"):
        # systemd separates several by colons; heard's own comes first.
        return Path(given.split(":")[0])
    if base := environ.get("XDG_RUNTIME_DIR"):
        return Path(base) / "heard"
    return Path("/run/heard")


def state_dir(environ: Mapping[str, str], configured: str = "") -> Path:
    """Return the state directory: `configured`, $STATE_DIRECTORY, $XDG_STATE_HOME/heard, /var/lib/heard.

    For a user other than root an unset $XDG_STATE_HOME has the value that its specification gives it.
    """
    if configured:
        return Path(configured)
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / "heard"
    if os.geteuid() != 0 and (home := environ.get("HOME")):
        return Path(home) / ".local" / "state" / "heard"
    return Path("/var/lib/heard")


def expand(endpoint: str, directory: Path) -> str:
    """Return `endpoint` with `{runtime_dir}` filled in."""
    return endpoint.replace("{runtime_dir}", str(directory))


def ipc_path(endpoint: str) -> Path:
    """Return the path of an ipc:// endpoint.

    Raises:
        ValueError: it is no ipc:// endpoint, or its path is too long for a unix socket.
    """
    scheme, found, path = endpoint.partition("://")
    if scheme != "ipc" or not found or not path.startswith("/"):
        raise ValueError(f"must be ipc:// and an absolute path, not {endpoint!r}")
    if len(os.fsencode(path)) > IPC_PATH_LIMIT:
        raise ValueError(
            f"path of {len(os.fsencode(path))} bytes; a unix socket takes {IPC_PATH_LIMIT}: "
            "choose a shorter runtime_dir"
        )
    return Path(path)


def tcp_address(endpoint: str) -> tuple[str, int]:
    """Return the address and port at which a tcp:// endpoint listens; "" is every address, 0 any free port.

    Raises:
        ValueError: it is none; says what would be right.
    """
    import ipaddress  # noqa: PLC0415 - a client, which asks for none, is to be loaded quickly

    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        version: int = 4 if host == "*" else ipaddress.ip_address(bare).version
    except ValueError:
        version = 0
    number = 0 if port == "*" else int(port) if port.isascii() and port.isdecimal() else -1
    if (
        not endpoint.startswith("tcp://")
        or not 0 <= number <= MAX_PORT
        or version != (4 if bare == host else 6)
    ):
        raise ValueError("must be tcp://ADDRESS:PORT, ADDRESS being this machine's (192.0.2.7, [::1]) or *")
    return ("" if host == "*" else bare), number


def reachable(endpoint: str, through: str) -> str:
    """Return where a client finds `endpoint`, of which the daemon told it `through` another one.

    A daemon that listens at every address of its machine cannot know by which one the client came.
    """
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    if not endpoint.startswith("tcp://") or host not in ("*", "0.0.0.0", "[::]"):  # noqa: S104 - read, not bound
        return endpoint
    seen = through.removeprefix("tcp://").rpartition(":")[0] if through.startswith("tcp://") else "127.0.0.1"
    return f"tcp://{seen}:{port}"
