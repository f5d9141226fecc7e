"""Where the daemon's sockets are when nobody says; the daemon and its clients ask here alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CONTROL = "ipc://{runtime_dir}/control"
TRANSCRIPTS = "ipc://{runtime_dir}/transcripts"

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
