"""A TCP proxy between a client and a server of the tests, that fails on command as networks do.

It cuts (both ends see a reset), refuses (nobody listens on the port), swallows (what arrives is taken
and never passed on, in one way or both), stalls (nothing is taken: TCP holds it back, and later all of it
arrives) and delays. A connection of which something was swallowed stays dead in that way for good: what
followed would make no sense to its receiver.

One thread does all; a command has been carried out when its method returns.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue

MOST_HELD = 256 * 1024
"""Bytes of one way that are held for a slow receiver; then the sender has to wait."""
PART = 16 * 1024
COMMAND_S = 30.0
CONNECT_S = 2.0


class Way(Enum):
    """A direction through the proxy."""

    UP = "up"
    """From the client to the server."""
    DOWN = "down"
    """From the server to the client."""


BOTH = frozenset(Way)


@dataclass(slots=True, eq=False)
class _Flow:
    """One way of one connection."""

    source: socket.socket
    sink: socket.socket
    way: Way
    held: deque[tuple[float, bytes]] = field(default_factory=deque)
    """(monotonic seconds from which it may be passed on, bytes)."""
    size: int = 0
    dead: bool = False
    """Something of it was swallowed."""
    ended: bool = False
    """The source has nothing more to say."""
    closed: bool = False
    """And the sink knows."""


class Proxy:
    """A running proxy; `port` of 127.0.0.1 is where it listens."""

    def __init__(self, target: int, bound: Callable[[int], socket.socket] | None = None) -> None:
        self._target = target
        self._bound = bound or _bound
        self._listener = self._bound(0)
        self.port: int = self._listener.getsockname()[1]
        self._listener.listen()
        self._refusing = False
        self._pairs: list[tuple[_Flow, _Flow]] = []
        self._swallows: frozenset[Way] = frozenset()
        self._stalled = False
        self._delay_s = 0.0
        self._over = False
        self._accepted = 0
        self._commands: SimpleQueue[tuple[Callable[[], None], threading.Event]] = SimpleQueue()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()

    def through(self, url: str) -> str:
        """Return `url` of the server as it is reached through this proxy."""
        return url.replace(f":{self._target}/", f":{self.port}/")

    @property
    def accepted(self) -> int:
        """How many connections were taken since the start."""
        return self._accepted

    def cut(self) -> None:
        """Break every connection there is: both ends see a reset."""
        self._order(self._cut)

    def refuse(self) -> None:
        """Listen no more; the connections there are go on."""
        self._order(self._refuse)

    def swallow(self, ways: frozenset[Way] = BOTH) -> None:
        """Take and lose what arrives, on the connections there are and on new ones: a black hole."""
        self._order(lambda: self._swallow(ways))

    def stall(self) -> None:
        """Pass nothing on for now, and lose nothing: a link that is down for a moment."""
        self._order(lambda: setattr(self, "_stalled", True))

    def delay(self, seconds: float) -> None:
        """Pass everything on so much later, in both ways."""
        self._order(lambda: setattr(self, "_delay_s", seconds))

    def heal(self) -> None:
        """Listen, and pass on what can still be: not that of connections which have lost something."""
        self._order(self._heal)

    def close(self) -> None:
        """End the thread and every connection."""
        with suppress(TimeoutError):
            self._order(self._end)
        self._thread.join(COMMAND_S)
        self._wake.close()
        self._waker.close()

    def _order(self, command: Callable[[], None]) -> None:
        done = threading.Event()
        self._commands.put((command, done))
        self._waker.send(b"!")
        if not done.wait(COMMAND_S):
            raise TimeoutError("the proxy's thread does not answer")

    def _run(self) -> None:
        while not self._over:
            readable, writable = self._wait()
            if self._wake.fileno() in readable:
                self._wake.recv(64)
                self._obey()
            elif not self._refusing and self._listener.fileno() in readable:
                self._accept()
            for flow in [each for pair in self._pairs for each in pair]:
                # A command or a failure may have closed it since the poll.
                if flow.source.fileno() in readable:
                    self._take(flow)
                if flow.sink.fileno() in writable:
                    self._pass_on(flow)
            self._forget()

    def _wait(self) -> tuple[set[int], set[int]]:
        """Wait for something to do; return what can be read and what can be written."""
        poller, now = select.poll(), time.monotonic()
        poller.register(self._wake, select.POLLIN)
        if not self._refusing:
            poller.register(self._listener, select.POLLIN)
        wanted: dict[int, int] = {}
        wait_s: float | None = None
        for flow in [each for pair in self._pairs for each in pair]:
            if self._stalled:
                break
            if not flow.ended and flow.size < MOST_HELD:
                number = flow.source.fileno()
                wanted[number] = wanted.get(number, 0) | select.POLLIN
            if flow.held and flow.held[0][0] <= now:
                number = flow.sink.fileno()
                wanted[number] = wanted.get(number, 0) | select.POLLOUT
            elif flow.held:
                left_s = flow.held[0][0] - now
                wait_s = left_s if wait_s is None else min(wait_s, left_s)
        for number, events in wanted.items():
            poller.register(number, events)
        found = poller.poll(None if wait_s is None else wait_s * 1000 + 1)
        broken = select.POLLERR | select.POLLHUP
        readable = {number for number, events in found if events & (select.POLLIN | broken)}
        return readable, {number for number, events in found if events & (select.POLLOUT | broken)}

    def _obey(self) -> None:
        with suppress(Empty):
            while True:
                command, done = self._commands.get_nowait()
                command()
                done.set()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self._accepted += 1
        try:
            server = socket.create_connection(("127.0.0.1", self._target), CONNECT_S)
        except OSError:
            _reset(client)
            return
        for each in (client, server):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (_Flow(client, server, Way.UP), _Flow(server, client, Way.DOWN))
        for flow in pair:
            flow.dead = flow.way in self._swallows
        self._pairs.append(pair)

    def _take(self, flow: _Flow) -> None:
        """Read a part from the source."""
        if flow.ended or self._stalled:
            return
        try:
            data = flow.source.recv(PART)
        except BlockingIOError:
            return
        except OSError:
            self._break(flow)
            return
        if not data:
            flow.ended = True
            self._close_if_empty(flow)
        elif not flow.dead:
            flow.held.append((time.monotonic() + self._delay_s, data))
            flow.size += len(data)

    def _pass_on(self, flow: _Flow) -> None:
        """Write what is due to the sink."""
        while flow.held and flow.held[0][0] <= time.monotonic():
            due, data = flow.held.popleft()
            try:
                written = flow.sink.send(data)
            except BlockingIOError:
                written = 0
            except OSError:
                self._break(flow)
                return
            flow.size -= written
            if written < len(data):
                flow.held.appendleft((due, data[written:]))
                return
        self._close_if_empty(flow)

    def _close_if_empty(self, flow: _Flow) -> None:
        """Pass the end of the stream on, unless that is swallowed as well."""
        if flow.ended and not flow.held and not flow.closed and not flow.dead:
            flow.closed = True
            with suppress(OSError):
                flow.sink.shutdown(socket.SHUT_WR)

    def _break(self, flow: _Flow) -> None:
        """Pass a reset on, unless that is swallowed as well."""
        flow.ended = True
        flow.held.clear()
        if not flow.dead:
            _reset(flow.sink)
        _reset(flow.source)

    def _forget(self) -> None:
        """Let go of connections that are over in both ways."""
        for pair in list(self._pairs):
            gone = [flow.closed or flow.source.fileno() < 0 or flow.sink.fileno() < 0 for flow in pair]
            if all(gone) and not any(flow.dead for flow in pair):
                for flow in pair:
                    flow.source.close()
                self._pairs.remove(pair)

    def _cut(self) -> None:
        for pair in self._pairs:
            for flow in pair:
                _reset(flow.source)
        self._pairs.clear()

    def _refuse(self) -> None:
        if not self._refusing:
            self._listener.close()
            # Bound and not listening: connecting is refused, and nobody else takes the port.
            self._listener = self._bound(self.port)
            self._refusing = True

    def _swallow(self, ways: frozenset[Way]) -> None:
        self._swallows = ways
        for pair in self._pairs:
            for flow in pair:
                if flow.way in ways:
                    flow.dead = True
                    flow.held.clear()
                    flow.size = 0

    def _heal(self) -> None:
        if self._refusing:
            self._listener.listen()
            self._refusing = False
        self._swallows = frozenset()
        self._stalled = False
        self._delay_s = 0.0

    def _end(self) -> None:
        self._cut()
        self._listener.close()
        self._refusing = self._over = True


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


def _reset(sock: socket.socket) -> None:
    """Close with a reset, at once."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def proxy(url: str, bound: Callable[[int], socket.socket] | None = None) -> Iterator[Proxy]:
    """Run a proxy before the server at `url` (its port is what counts) for as long as the block.

    `bound` makes a socket that is bound to a port of 127.0.0.1 (0: any), where the network is not this one.
    """
    running = Proxy(int(url.rpartition(":")[2].partition("/")[0]), bound)
    try:
        yield running
    finally:
        running.close()
