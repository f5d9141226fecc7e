"""Who may connect to a public socket: its owner (and a group) over ipc://, who holds a listed key over tcp://.

Over ipc:// the file's mode decides, and libzmq asks the kernel who the peer is besides. Over tcp:// it is
CURVE (ZeroMQ RFC 26): both sides prove a key, everything is encrypted, and a client whose public key is not
in the allow-list gets no further than the handshake.
"""

from __future__ import annotations

import grp
import logging
import os
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from heard.settings import Curve, Settings

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

log = logging.getLogger(__name__)

DOMAIN = "heard"
HANDSHAKE_MS = 10_000
"""A peer that has not proved its key by then is cut off."""
COMPLAIN_S = 60.0
REFUSALS = zmq.EVENT_ACCEPT_FAILED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
"""What libzmq tells of a peer that it turned away: another user; no key or a wrong one; a key not listed."""

_EVENT = struct.Struct("=HI")


class KeysUnusableError(Exception):
    """A key or the allow-list cannot be used; the text says which, and what would be right."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The daemon's secret key (Z85), and the public keys (Z85) that may connect, with their files' names."""

    secret: bytes = field(repr=False)
    allowed: dict[bytes, str]


def read_keys(curve: Curve) -> Keys:
    """Return what the files say.

    Raises:
        KeysUnusableError: a file cannot be read or holds no key.
    """
    public, secret = certificate(Path(curve.secret_key_file))
    if secret is None:
        raise KeysUnusableError(
            f"{curve.secret_key_file}: holds a public key alone; must be the file that ends in .key_secret"
        )
    try:
        right = zmq.curve_public(secret)
    except (ValueError, zmq.ZMQError):
        right = b""
    if right != public:
        raise KeysUnusableError(f"{curve.secret_key_file}: its two keys do not belong together")
    return Keys(secret, read_allowed(Path(curve.allowed_clients_dir)))


def read_allowed(folder: Path) -> dict[bytes, str]:
    """Return the public keys of the `.key` files in `folder`, each with the file's name.

    Raises:
        KeysUnusableError: the folder or one of its files cannot be read, or a file holds no key.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".key")
    except OSError as error:
        raise KeysUnusableError(f"{folder}: cannot be read: {error.strerror}") from None
    return {certificate(path)[0]: path.stem for path in paths}


def certificate(path: Path) -> tuple[bytes, bytes | None]:
    """Return the public and, where there is one, the secret key (Z85) of a file in ZeroMQ's usual format.

    Raises:
        KeysUnusableError: it cannot be read or holds no key.
    """
    from zmq.auth import load_certificate  # noqa: PLC0415 - only a daemon that listens on tcp:// needs it

    try:
        public, secret = load_certificate(path)
    except ValueError:
        raise KeysUnusableError(f"{path}: holds no key; `heard keygen` makes one") from None
    except OSError as error:
        # The library has no errno for a file that is not there.
        why = error.strerror or "no such file"
        raise KeysUnusableError(f"{path}: cannot be read: {why}; `heard keygen` makes one") from None
    for key in (public, secret):
        if key is not None and not _is_key(key):
            raise KeysUnusableError(f"{path}: holds no key: it must have 40 characters of Z85")
    return public, secret


def _is_key(text: bytes) -> bool:
    from zmq.utils import z85  # noqa: PLC0415 - likewise

    try:
        return len(text) == 40 and len(z85.decode(text)) == 32
    except (KeyError, ValueError, struct.error):
        return False


def group_id(name: str) -> int | None:
    """Return the id of the group `name` that sockets are open to, None where none is named.

    Raises:
        KeysUnusableError: there is no such group.
    """
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise KeysUnusableError(f"socket_group = {name!r}: there is no such group") from None


class Guard:
    """Stands at one process's public socket: `admit` before bind, `opened` after, `close` at the end.

    Raises:
        KeysUnusableError: the group does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self._curve = settings.curve
        self._group = group_id(settings.socket_group)
        self._allowed: dict[bytes, str] = {}
        self._secret = b""
        self._opened = 0
        self._authenticator: ThreadAuthenticator | None = None
        self._monitors: list[zmq.Socket[bytes]] = []
        self._refused = 0
        self._complain_at = 0.0
        self._unsaid = 0

    def admit(self, socket: zmq.Socket[bytes], endpoint: str, monitor: zmq.Socket[bytes]) -> None:
        """Set the terms of `socket` before it is bound, also of one that takes another's place.

        `monitor` (PAIR) hears of who is turned away.

        Raises:
            KeysUnusableError: a key that tcp:// needs cannot be used.
        """
        if endpoint.startswith("tcp://"):
            self._ask_for_keys(socket)
            socket.setsockopt(zmq.IPV6, int("[" in endpoint))
        elif self._group is None:
            own_user_only(socket)
        # libzmq knows a peer's groups from /etc/group alone, the kernel all that the peer has: with a
        # group, the mode of the socket's file decides.
        self._opened += 1
        address = f"inproc://refusals-{id(self)}-{self._opened}"
        socket.monitor(address, REFUSALS)
        monitor.connect(address)
        self._monitors.append(monitor)

    def opened(self, path: Path) -> None:
        """Open the socket file that was just bound to the group, if there is one.

        Raises:
            OSError: this user may not give the file to that group.
        """
        if self._group is not None:
            os.chown(path, -1, self._group)
            path.chmod(0o660)

    def refused(self) -> int:
        """Return how many peers were turned away so far; logs it at most once a minute."""
        count = self._refused
        for monitor in self._monitors:
            while monitor.poll(0):
                # Each event is two frames: what happened, and on which endpoint.
                event, _ = _EVENT.unpack(monitor.recv_multipart()[0])
                self._refused += bool(event & REFUSALS)
        self._unsaid += self._refused - count
        now = time.monotonic()
        if self._unsaid and now >= self._complain_at:
            log.warning("%d connections were refused: no key that is allowed, or another user", self._unsaid)
            self._complain_at, self._unsaid = now + COMPLAIN_S, 0
        return self._refused

    def reload(self) -> bool:
        """Read the allow-list again; what cannot be read changes nothing.

        Returns whether a key is allowed no more. Who is connected with it stays so until the socket is made
        anew: libzmq offers nothing to end one connection, and does not say which one has which key.
        """
        if self._authenticator is None:
            return False
        before = self._allowed
        try:
            self._allowed = read_allowed(Path(self._curve.allowed_clients_dir))
        except KeysUnusableError as error:
            log.error("the allow-list is as it was: %s", error)
        gone = sorted(before[key] for key in before.keys() - self._allowed.keys())
        if gone:
            log.info("not allowed any more, and cut off: %s", ", ".join(gone))
        return bool(gone)

    def close(self) -> None:
        """Close what was made here; before the context ends."""
        for monitor in self._monitors:
            monitor.close()
        self._monitors.clear()
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None

    def callback(self, _domain: str, key: bytes) -> bool:
        """Say whether the public key (Z85) may connect; called by the authenticator's thread."""
        return key in self._allowed

    def _ask_for_keys(self, socket: zmq.Socket[bytes]) -> None:
        if self._authenticator is None:
            keys = read_keys(self._curve)
            self._secret, self._allowed = keys.secret, keys.allowed
            if not keys.allowed:
                log.warning(
                    "%s holds no .key file: nobody can connect; `heard keygen --client NAME` makes one",
                    self._curve.allowed_clients_dir,
                )
            from zmq.auth.thread import ThreadAuthenticator  # noqa: PLC0415 - brings asyncio along

            self._authenticator = ThreadAuthenticator(socket.context)
            self._authenticator.start()
            self._authenticator.configure_curve_callback(DOMAIN, self)
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._secret)
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN.encode())
        # Without an authenticator nobody is let in, rather than everybody.
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)


def own_user_only(socket: zmq.Socket[bytes]) -> None:
    """Let libzmq turn away peers over ipc:// that are neither of this user nor root (SO_PEERCRED).

    The modes of the files say the same; this holds where somebody has changed those.
    """
    for uid in {os.geteuid(), 0}:
        socket.setsockopt(zmq.IPC_FILTER_UID, uid)
