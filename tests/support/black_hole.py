"""A network of its own, in which packets can be dropped: a namespace with only loopback in it, and nftables.

A daemon runs inside (`prefix`), and the server's listening socket is made inside (`listening`) by a thread of
the test's own process: a socket stays in the network in which it was made. A SYN gets no answer then, and
what was sent is repeated by the kernel until it gives up. Where the machine does not permit all this,
`forbidden` says why.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

from .poll import until
from .processes import started

ASK_S = 30.0
TABLE = "heard_test"
NAMES_PORT = 53
_CLONE_NEWNET = 0x40000000

Lost = Literal["all", "data"]
"""Which packets: all, or those that carry something, so that a connection is made and stays dumb."""


class Network:
    """A running namespace; `holder` is the process that keeps it."""

    def __init__(self, holder: int) -> None:
        self._path = Path(f"/proc/{holder}/ns/net")
        self.prefix = ("nsenter", f"--net={self._path}")
        """Words that run a command inside."""

    def listening(self) -> socket.socket:
        """Return a socket that listens on a port of 127.0.0.1 inside."""
        made = self.bound(0)
        made.listen()
        return made

    def bound(self, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """Return a socket that is bound to `port` of 127.0.0.1 inside; 0: any."""
        made: list[socket.socket | OSError] = []

        def make() -> None:
            try:
                with self._path.open("rb") as network:
                    _enter(network.fileno())
                opened = socket.socket(socket.AF_INET, kind)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                opened.bind(("127.0.0.1", port))
                made.append(opened)
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=make, name="inside")
        thread.start()
        thread.join(ASK_S)
        (found,) = made
        if isinstance(found, OSError):
            raise found
        return found

    def drop(self, port: int, lost: Lost = "all") -> None:
        """Drop what arrives for a TCP port or a name server, and what comes from them."""
        what = "tcp flags & psh == psh drop" if lost == "data" else "drop"
        rules = "; ".join(
            f"tcp {end} {port} {what}; udp {end} {NAMES_PORT} drop" for end in ("dport", "sport")
        )
        self._nft(
            f"table inet {TABLE} {{ chain inwards {{ type filter hook input priority 0; {rules}; }}; }}"
        )

    def heal(self) -> None:
        """Let everything through again."""
        self._nft(f"delete table inet {TABLE}")

    def _nft(self, script: str) -> None:
        done = subprocess.run(
            [*self.prefix, "nft", "-f", "-"],
            input=script,
            text=True,
            timeout=ASK_S,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"nft: {done.stderr.strip()}")


@contextmanager
def network(limit_s: float = 400.0) -> Iterator[Network]:
    """Make such a network for as long as the block.

    Raises:
        RuntimeError: it cannot be made, or not used.
    """
    for program in ("unshare", "nsenter", "ip", "nft"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is not installed")
    if os.geteuid() != 0:
        raise RuntimeError("only root may enter a network namespace")
    words = ["unshare", "--net", "sh", "-c", f"ip link set lo up && echo up && exec sleep {limit_s:g}"]
    with started(words, limit_s=limit_s) as holder:
        try:
            until(lambda: holder.printed().strip() == "up" or not holder.running, ASK_S, "the namespace")
            if not holder.running:
                raise RuntimeError(holder.tail())
            yield Network(holder.pid)
        except OSError as error:
            raise RuntimeError(str(error)) from error


@cache
def forbidden() -> str | None:
    """Return why packets cannot be dropped on this machine, None where they can."""
    try:
        with network(ASK_S) as made, made.listening() as server:
            made.drop(server.getsockname()[1])
            made.heal()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def say(why: str, instead: str) -> None:
    """Let the run's summary tell that packets were not dropped here, and what stood in."""
    warnings.warn(f"packets cannot be dropped on this machine ({why}): {instead}", stacklevel=2)


def _enter(descriptor: int) -> None:
    """Move the calling thread into a network namespace; `os.setns` is there from Python 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
