"""Where the server listens: `HOST:PORT` or `unix:PATH`, read, judged and bound."""

import ipaddress
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .errors import USAGE, StartError

DEFAULT_BIND = "127.0.0.1:8765"

RECEIVE_BUFFER_BYTES = 128 * 1024
"""Asked of the kernel, which doubles it: 8 s of 16 kHz audio. Its own choice grows to 6 MB, behind
which a client's pings and Terminate would wait for minutes of audio to be read."""

_UNIX = "unix:"
_UNIX_PATH_BYTES = 107
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host, as the user gave it, and a port; 0 lets the system pick one."""

    host: str
    port: int

    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it; a name counts if all it stands for do."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:
            return False
        return all(ipaddress.ip_address(str(info[4][0])).is_loopback for info in found)


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket file, for this user alone."""

    path: Path


Address: TypeAlias = TcpAddress | UnixAddress


def read_address(text: str) -> Address:
    """Read what `--bind` was given.

    Raises:
        StartError: (usage) it is neither `HOST:PORT` nor `unix:PATH`.
    """
    wrong = StartError(f"--bind {text}: must be HOST:PORT or unix:PATH", exit_code=USAGE)
    if text.startswith(_UNIX):
        path = text.removeprefix(_UNIX)
        if not path:
            raise wrong
        if len(os.fsencode(path)) > _UNIX_PATH_BYTES:
            raise StartError(
                f"--bind {text}: the path must have at most {_UNIX_PATH_BYTES} bytes",
                exit_code=USAGE,
            )
        return UnixAddress(Path(path))
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise wrong
    return TcpAddress(host, int(port))


def listen(address: Address, *, has_key: bool) -> tuple[socket.socket, str]:
    """Bind, and return the listening socket and the name under which clients find it.

    Raises:
        StartError: the address is in use, not ours to use, or open to others without a key.
    """
    if isinstance(address, UnixAddress):
        return _listen_unix(address.path), f"{_UNIX}{address.path}"
    shown = f"[{address.host}]" if ":" in address.host else address.host
    if not has_key and not address.is_loopback():
        raise StartError(
            f"--bind {shown}:{address.port}: others could use it: "
            "give --key KEYFILE, or a loopback address such as 127.0.0.1",
            exit_code=USAGE,
        )
    try:
        family, _, _, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server((str(target[0]), address.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise StartError(f"--bind {shown}:{address.port}: {error.strerror or error}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return listener, f"ws://{shown}:{listener.getsockname()[1]}"


def _listen_unix(path: Path) -> socket.socket:
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o077)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"--bind unix:{path}: {error.strerror}") from error
    finally:
        os.umask(mask)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed server left behind; refuse to touch anything else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartError(f"--bind unix:{path}: exists and is no socket", exit_code=USAGE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StartError(f"--bind unix:{path}: {error.strerror}") from error
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StartError(f"--bind unix:{path}: {error.strerror or error}") from error
        else:
            raise StartError(f"--bind unix:{path}: another process listens there")
