"""The table of the pipes that join the processes, and the only place where the daemon makes sockets.

    sources ─▶ capture ══RAW══▶ denoise ══CLEAN══▶ upstream ══EVENTS══▶ publish ─▶ PUB
                 ▲ ▲               │ (EVENTS: levels)   │ ▲               │ │
                 │ └───POSITIONS───┴────────────────────┘ └─────ACKS──────┘ │
                 └─────────────────POSITIONS────────────────────────────────┘
    every stage ◀──REPORTS──▶ supervise

Which end binds decides where messages wait. A bound PUSH without a peer refuses at once (EAGAIN), so
RAW and CLEAN hold nothing while their reader is away: the audio stays where it is retained. A connected
PUSH queues up to its mark, so what flows back and events outlive the restart of their reader.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import zmq

from heard.guard import Guard, own_user_only
from heard.wire.codec import MAX_MESSAGE_BYTES
from heard.wire.endpoints import ipc_path

Process = Literal["supervise", "capture", "denoise", "upstream", "publish", "recognizer", "metrics"]


@dataclass(frozen=True, slots=True)
class Pipe:
    """One line of the table: a PUSH/PULL pipe over ipc://, `mark` messages deep at each end."""

    name: str
    carries: str
    bound_by: Process
    push: tuple[Process, ...]
    pull: Process
    mark: int
    when_full: str
    per_second: str
    linger_ms: int = 0
    """How long the sender's end waits for its reader. A reader that ended first, as in every orderly stop,
    would only be waited for in vain."""


RAW = Pipe(
    "raw",
    "heard.wire.audio.Block",
    bound_by="capture",
    push=("capture",),
    pull="denoise",
    mark=16,
    when_full="capture keeps its place in the retained audio and tries again",
    per_second="1000 / block_ms per source",
)
CLEAN = Pipe(
    "clean",
    "heard.wire.audio.Block",
    bound_by="denoise",
    push=("denoise",),
    pull="upstream",
    mark=16,
    when_full="denoise reads no more of RAW until there is room",
    per_second="10 to 50 per source",
    linger_ms=1000,
)
EVENTS = Pipe(
    "events",
    "heard.wire.events.Event",
    bound_by="publish",
    push=("capture", "denoise", "upstream", "supervise"),
    pull="publish",
    mark=1000,
    when_full="numbered events are kept by their sender; others are dropped and counted",
    per_second="10 levels per source, a few transcripts",
    linger_ms=1000,
)
ACKS = Pipe(
    "acks",
    "heard.wire.events.Ack",
    bound_by="upstream",
    push=("publish",),
    pull="upstream",
    mark=1000,
    when_full="dropped: the next one covers it",
    per_second="a few",
)
POSITIONS = Pipe(
    "positions",
    "heard.wire.positions",
    bound_by="capture",
    push=("denoise", "upstream", "publish"),
    pull="capture",
    mark=10000,
    when_full="kept by the sender until there is room",
    per_second="about 10 per source",
)
PIPES = (RAW, CLEAN, EVENTS, ACKS, POSITIONS)

REPORTS = "reports"
"""ROUTER at supervise, one DEALER per stage; identities are process names."""

UNREAD_REQUESTS = 64
"""So many requests of one client wait here to be read."""
LONGEST_SUBSCRIPTION = 4096
REOPEN_S, REOPEN_EVERY_S = 2.0, 0.005
"""So long a socket's port is waited for that takes another's place; it is a matter of milliseconds."""
LINGER_MS = 1000
"""For the sockets that are no pipe: reports, control, PUB."""
RECONNECT_MS = 20


class EndpointTakenError(Exception):
    """Another process has the endpoint; the text says which."""


class Pipes:
    """Makes this process's ends of the pipes, below one runtime directory.

    Sockets and context are closed by `close`, which waits as long as the table says for what is queued.
    """

    def __init__(self, runtime_dir: Path) -> None:
        self.runtime_dir = runtime_dir
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=1)
        self._sockets: list[zmq.Socket[bytes]] = []
        self._guards: list[Guard] = []

    def push(self, pipe: Pipe) -> zmq.Socket[bytes]:
        """Return the sending end of `pipe`; send with zmq.NOBLOCK."""
        return self._end(pipe, zmq.PUSH, binds=pipe.bound_by in pipe.push)

    def pull(self, pipe: Pipe) -> zmq.Socket[bytes]:
        """Return the receiving end of `pipe`."""
        return self._end(pipe, zmq.PULL, binds=pipe.bound_by == pipe.pull)

    def reports_dealer(self, process: str) -> zmq.Socket[bytes]:
        """Return a stage's end of the reports."""
        socket = self._socket(zmq.DEALER, mark=1000)
        socket.setsockopt(zmq.ROUTING_ID, process.encode())
        socket.connect(f"ipc://{self.path(REPORTS)}")
        return socket

    def reports_router(self) -> zmq.Socket[bytes]:
        """Return supervise's end of the reports; a restarted stage takes over its identity."""
        socket = self._socket(zmq.ROUTER, mark=1000)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._bind(socket, f"ipc://{self.path(REPORTS)}")
        return socket

    def control_router(
        self,
        endpoint: str,
        guard: Guard | None = None,
        *,
        listener: int | None = None,
        instead_of: zmq.Socket[bytes] | None = None,
    ) -> zmq.Socket[bytes]:
        """Return the control socket. Frames above the limit still arrive, to be answered `too-large`.

        `listener` is the descriptor of a socket that listens at `endpoint` already (socket activation).
        `instead_of` is one that is closed, with its connections, so that this one can be opened there.

        Raises:
            EndpointTakenError: the port of a tcp:// endpoint is taken, or is not this machine's.
        """
        socket = self._socket(zmq.ROUTER, mark=1000)
        # What is too large gets an error reply; what would exhaust the memory is cut off, and waits at the
        # client where there is much of it.
        socket.setsockopt(zmq.MAXMSGSIZE, 64 * MAX_MESSAGE_BYTES)
        socket.setsockopt(zmq.RCVHWM, UNREAD_REQUESTS)
        if listener is not None:
            # libzmq then neither binds nor listens, and leaves the path to whoever made it.
            socket.setsockopt(zmq.USE_FD, listener)
        self._open(socket, endpoint, guard, made=listener is None, instead_of=instead_of)
        return socket

    def publisher(
        self, endpoint: str, guard: Guard | None = None, *, instead_of: zmq.Socket[bytes] | None = None
    ) -> zmq.Socket[bytes]:
        """Return the PUB socket. A subscriber that falls 10,000 messages behind loses some.

        `instead_of` is one that is closed, with its connections, so that this one can be opened there.

        Raises:
            EndpointTakenError: the port of a tcp:// endpoint is taken, or is not this machine's.
        """
        socket = self._socket(zmq.PUB, mark=10000)
        # All that comes in are subscriptions.
        socket.setsockopt(zmq.MAXMSGSIZE, LONGEST_SUBSCRIPTION)
        self._open(socket, endpoint, guard, instead_of=instead_of)
        return socket

    def path(self, name: str) -> Path:
        """Return where the socket called `name` lies."""
        return self.runtime_dir / name

    def close(self) -> None:
        """Close every socket, then the context."""
        for guard in self._guards:
            guard.close()
        for socket in self._sockets:
            socket.close()
        self.context.term()

    def _end(self, pipe: Pipe, kind: int, *, binds: bool) -> zmq.Socket[bytes]:
        socket = self._socket(kind, mark=pipe.mark, linger_ms=pipe.linger_ms)
        endpoint = f"ipc://{self.path(pipe.name)}"
        if binds:
            self._bind(socket, endpoint)
        else:
            socket.connect(endpoint)
        return socket

    def _socket(self, kind: int, mark: int, linger_ms: int = LINGER_MS) -> zmq.Socket[bytes]:
        socket = self.context.socket(kind)
        # All before bind or connect: libzmq reads them there. Its own linger is for ever.
        socket.setsockopt(zmq.SNDHWM, mark)
        socket.setsockopt(zmq.RCVHWM, mark)
        socket.setsockopt(zmq.LINGER, linger_ms)
        socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
        self._sockets.append(socket)
        return socket

    def _open(
        self,
        socket: zmq.Socket[bytes],
        endpoint: str,
        guard: Guard | None,
        *,
        made: bool = True,
        instead_of: zmq.Socket[bytes] | None = None,
    ) -> None:
        """Bind a public socket; who may connect is `guard`'s business, without one this user alone.

        made: whether its file is made here; else whoever made it has given it its mode.
        """
        patience_s = 0.0
        if instead_of is not None:
            self._sockets.remove(instead_of)
            instead_of.close()
            patience_s = REOPEN_S
        if guard is not None:
            if guard not in self._guards:
                self._guards.append(guard)
            # Never full: libzmq's own thread would wait for room in it.
            guard.admit(socket, endpoint, self._socket(zmq.PAIR, mark=0))
        if endpoint.startswith("tcp://"):
            _bind_port(socket, endpoint, patience_s)
            return
        self._bind(socket, endpoint, filtered=guard is None)
        if guard is not None and made:
            guard.opened(ipc_path(endpoint))

    @staticmethod
    def _bind(socket: zmq.Socket[bytes], endpoint: str, *, filtered: bool = True) -> None:
        if filtered:
            own_user_only(socket)
        # libzmq unlinks a stale path itself; that the path is ours alone is the lock's business (`claim`).
        before = os.umask(0o177)
        try:
            socket.bind(endpoint)
        finally:
            os.umask(before)


def _bind_port(socket: zmq.Socket[bytes], endpoint: str, patience_s: float) -> None:
    """Bind a tcp:// endpoint, which libzmq's own thread may be about to leave."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            if time.monotonic() >= deadline:
                raise EndpointTakenError(f"{endpoint}: {str(error.strerror).lower()}") from None
            time.sleep(REOPEN_EVERY_S)
        else:
            return


def endpoint_of(socket: zmq.Socket[bytes]) -> str:
    """Return where `socket` was bound last: with the port, where any free one was asked for."""
    found = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(found, bytes), "this option is text"
    return found.rstrip(b"\0").decode()


def private_directory(path: Path, group: int | None = None) -> None:
    """Create `path` (0700) where it is missing; refuse one that others could write to.

    With a `group` its members may enter it (0750): the sockets that are theirs lie in it.

    Raises:
        PermissionError: it belongs to somebody else, or group or others may write there.
        OSError: it cannot be made.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"{path}: must belong to uid {os.geteuid()} and be writable by it alone")
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o750)


def claim(path: Path) -> int:
    """Lock `path`.lock for as long as this process lives; return the open descriptor.

    A second bind of an ipc:// path silently steals it from a living daemon, so every path is
    locked before it is bound.

    Raises:
        EndpointTakenError: a living process holds the lock.
    """
    lock = path.with_name(path.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise EndpointTakenError(f"{path}: in use by another heard daemon, process {pid}") from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor
