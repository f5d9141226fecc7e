"""Socket activation (sd_listen_fds(3)): systemd may hand over the control socket, bound and listening."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping
from pathlib import Path

FIRST = 3
"""The first descriptor that is handed over (SD_LISTEN_FDS_START)."""


class ActivationError(Exception):
    """What systemd handed over is not the control socket; the text says what would be right."""


def control_listener(path: Path, environ: MutableMapping[str, str]) -> int | None:
    """Return the descriptor of the control socket, None where no socket unit started this process.

    The variables are taken out of `environ`, so that no child believes that they are meant for it.
    `path` is where the control socket has to be.

    Raises:
        ActivationError: several sockets came, or one that listens elsewhere.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "")
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    right = f"must be one socket with ListenStream={path} (control.endpoint)"
    if count != "1":
        raise ActivationError(f"systemd handed over {count} sockets ({names}): {right}")
    os.set_inheritable(FIRST, False)  # noqa: FBT003  # its only parameter
    found = _listens_at(FIRST)
    if found != str(path):
        raise ActivationError(f"systemd handed over {found or 'no listening unix socket'}: {right}")
    return FIRST


def _listens_at(descriptor: int) -> str:
    """Return the path at which a unix socket listens, "" for any other descriptor."""
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return ""
    # A second descriptor, since closing the object closes its own.
    with socket.socket(fileno=os.dup(descriptor)) as listener:
        listens = listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return str(listener.getsockname()) if listens and listener.family == socket.AF_UNIX else ""
