"""Where the daemon's sockets are when nobody says; the daemon and its clients ask here alike."""

from __future__ import annotations

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
    """Return the state directory: `configured`, $STATE_DIRECTORY, $XDG_STATE_HOME/heard, /var/lib/heard."""
    if configured:
        return Path(configured)
    if given := environ.get("STATE_DIRECTORY"):
        return Path(given.split(":")[0])
    if base := environ.get("XDG_STATE_HOME"):
        return Path(base) / "heard"
    return Path("/var/lib/heard")


def expand(endpoint: str, directory: Path) -> str:
    """Return `endpoint` with `{runtime_dir}` filled in."""
    return endpoint.replace("{runtime_dir}", str(directory))
