"""The keys that a client needs over tcp://: its own pair, and the public key that the daemon must prove.

They are given, or found as the daemon's configuration is: `curve.server_key_file` and
`curve.client_key_file`, as variables `HEARD_CURVE__SERVER_KEY_FILE` and `HEARD_CURVE__CLIENT_KEY_FILE`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from heard_client.connect import configured
from heard_client.errors import EndpointError

SERVER_KEY = "curve.server_key_file"
CLIENT_KEY = "curve.client_key_file"


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys as Z85 text: the client's pair, and the daemon's public key."""

    public: bytes
    secret: bytes = field(repr=False)
    server: bytes


def read_keys(server_key_file: str | Path, client_key_file: str | Path) -> Keys:
    """Return the keys in two files, as `heard keygen` writes them.

    Raises:
        EndpointError: one cannot be read or holds no key, or others can read the client's.
    """
    server, _ = _certificate(Path(server_key_file).expanduser())
    path = Path(client_key_file).expanduser()
    public, secret = _certificate(path)
    if secret is None:
        raise EndpointError(f"{path}: holds a public key alone; must be the file that ends in .key_secret")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise EndpointError(f"{path}: others can read it, mode {mode:04o}; must be 0600: chmod 600 {path}")
    return Keys(public, secret, server)


def find_keys(environ: Mapping[str, str] | None = None) -> Keys | None:
    """Return the configured keys, None where there are none.

    Raises:
        EndpointError: they cannot be used, or one of the two is not named.
    """
    found = configured(os.environ if environ is None else environ)
    server, client = found.get(SERVER_KEY, ""), found.get(CLIENT_KEY, "")
    if not server and not client:
        return None
    if not server or not client:
        there, missing = (CLIENT_KEY, SERVER_KEY) if client else (SERVER_KEY, CLIENT_KEY)
        raise EndpointError(f"{there} is set and {missing} is not: over tcp:// both are needed")
    return read_keys(server, client)


def secure(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None = None) -> None:
    """Make a socket ready to connect to `endpoint`; call it before that. Only tcp:// needs anything.

    keys: None are those that are configured.

    Raises:
        EndpointError: there are none, or they cannot be used.
    """
    if not endpoint.startswith("tcp://"):
        return
    if endpoint.endswith((":*", ":0")):
        raise EndpointError(
            f"{endpoint}: any free port; the running daemon says which (op hello, and its log)"
        )
    keys = keys or find_keys()
    if keys is None:
        raise EndpointError(
            f"{endpoint}: heard listens there only to clients with a key: give --server-key and --key, or "
            f"set {SERVER_KEY} and {CLIENT_KEY}; `heard keygen --client NAME` makes one"
        )
    socket.setsockopt(zmq.CURVE_SERVERKEY, keys.server)
    socket.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
    socket.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    socket.setsockopt(zmq.IPV6, int("[" in endpoint))


def unheard(endpoint: str) -> str:
    """Return what else it may be where nobody answers, for the end of an error's text."""
    return "; is this client's key listed there?" if endpoint.startswith("tcp://") else ""


def _certificate(path: Path) -> tuple[bytes, bytes | None]:
    from zmq.auth import load_certificate  # noqa: PLC0415 - not needed over ipc://

    try:
        public, secret = load_certificate(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or ("no such file" if not path.exists() else "holds no key")
        raise EndpointError(f"{path}: {reason}; `heard keygen` makes keys") from None
    if any(key is not None and len(key) != 40 for key in (public, secret)):
        raise EndpointError(f"{path}: holds no key: it must have 40 characters")
    return public, secret
