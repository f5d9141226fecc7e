"""Looks at directories, locks and the control socket."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from heard.doctor.places import Answer, Directory
from heard.doctor.probes.secret import owner
from heard.settings import Settings
from heard.wire.codec import Body, WireError, take_or
from heard.wire.endpoints import ipc_path
from heard_client.control import Control
from heard_client.errors import EndpointError, HeardError

ANSWER_S = 1.0
TRIED_BYTES = 4096


def directory(path: Path) -> Directory:
    """Return what lies at `path`; a file is written there and removed again."""
    try:
        found = path.stat()
    except FileNotFoundError:
        parent = next(each for each in path.parents if each.exists())
        writable = os.access(parent, os.W_OK | os.X_OK)
        return Directory(str(path), exists=False, parent=str(parent), parent_writable=writable)
    except OSError as error:
        return Directory(str(path), exists=False, error=error.strerror)
    if not stat.S_ISDIR(found.st_mode):
        return Directory(str(path), exists=True, is_directory=False)
    room = os.statvfs(path)
    return Directory(
        str(path),
        exists=True,
        owner=owner(found.st_uid),
        mine=found.st_uid == os.geteuid(),
        mode=stat.S_IMODE(found.st_mode),
        error=_writing(path),
        free=room.f_bavail * room.f_frsize,
    )


def control(settings: Settings) -> tuple[Answer, Body | None]:
    """Return who has the control socket and what it said, with its status where it answered.

    Nobody is asked where nobody holds the lock: a connection to a socket of systemd's would start a daemon.
    """
    endpoints = (settings.control.endpoint, settings.publish.endpoint)
    paths = [_path(endpoint) for endpoint in endpoints]
    claimed = [Path(settings.runtime_dir) / "heard", *(path for path in paths if path is not None)]
    try:
        holders = [lock_holder(path.with_name(f"{path.name}.lock")) for path in claimed]
    except PermissionError as error:
        return Answer(None, unasked=f"{error.filename}: {error.strerror}"), None
    holder = next((pid for pid in holders if pid is not None), None)
    if holder is None:
        return Answer(None, socket=any(path is not None and _exists(path) for path in paths)), None
    command = _command(holder)
    if None in holders:
        free = claimed[holders.index(None)]
        theirs = f"it has not {free}: it runs with another configuration"
        return Answer(holder, command, error=theirs), None
    try:
        with Control(settings.control.endpoint, timeout_s=ANSWER_S) as client:
            status = client.request("status")
        version = take_or(status, "version", str, "")
        uptime_s = take_or(status, "uptime_s", float, 0.0)
    except EndpointError as error:
        return Answer(holder, command, unasked=str(error)), None
    except (HeardError, WireError) as error:
        return Answer(holder, command, socket=True, error=str(error)), None
    return Answer(holder, command, socket=True, version=version, uptime_s=uptime_s), status


def lock_holder(lock: Path) -> int | None:
    """Return the process that holds a lock made by `heard.pipes.claim`, None where nobody does.

    Read from /proc/locks (proc(5)): trying to take it would stop a daemon that is just being started.

    Raises:
        PermissionError: it is not for this user to see.
    """
    try:
        found = lock.stat()
        text = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except PermissionError:
        raise
    except OSError:
        return None
    where = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in text.splitlines():
        fields = line.split()
        if "FLOCK" in fields and where in fields:
            pid = int(fields[fields.index(where) - 1])
            # From another namespace the holder reads as 0 or -1; what it wrote into the file is all there is.
            return pid if pid > 0 else _written(lock)
    return None


def _path(endpoint: str) -> Path | None:
    try:
        return ipc_path(endpoint)
    except ValueError:
        return None


def _written(lock: Path) -> int:
    try:
        return int(lock.read_text(encoding="ascii").strip() or 0)
    except (OSError, ValueError):
        return 0


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    text = " ".join(word.decode(errors="replace") for word in words).strip()
    return text if len(text) <= 60 else f"{text[:59]}…"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _writing(path: Path) -> str | None:
    """Return what writing says, None where it went well."""
    try:
        with tempfile.TemporaryFile(dir=path) as trial:
            trial.write(bytes(TRIED_BYTES))
            trial.flush()
            os.fsync(trial.fileno())
    except OSError as error:
        return error.strerror
    return None
