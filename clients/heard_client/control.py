"""`Control`: ask the daemon and tell it what to do, over its control socket."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import zmq

from heard.wire.codec import Body, WireError
from heard.wire.control import Reply, Request
from heard_client import requests, sockets
from heard_client.connect import check_endpoint, find_endpoints, probe
from heard_client.curve import Keys, unheard
from heard_client.errors import BadReplyError, ControlRefusedError, NoReplyError
from heard_client.requests import Ask, Forgotten, Hello, NoiseProfile, Transcripts

if TYPE_CHECKING:
    from heard.wire.status import Status

__all__ = ["TIMEOUT_S", "Control", "Forgotten", "Hello", "NoiseProfile", "Transcripts", "result"]

TIMEOUT_S = 5.0

T = TypeVar("T")


class Control:
    """A connection to the control socket; one request at a time.

    endpoint   where the daemon listens; None finds it as the daemon does (`find_endpoints`)
    timeout_s  how long to wait for a reply
    keys       for tcp://; None are those that are configured (`heard_client.curve`)

    Every request raises one of these: DaemonNotRunningError (nobody listens), NoReplyError (no answer in
    time), BadReplyError (the answer is no reply of heard), ControlRefusedError (the daemon says no, and why).

    Not for use by several threads at once. Close it, or use it in a `with` block.
    """

    def __init__(
        self, endpoint: str | None = None, *, timeout_s: float = TIMEOUT_S, keys: Keys | None = None
    ) -> None:
        self.endpoint = find_endpoints().control if endpoint is None else check_endpoint(endpoint)
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        sockets.ask(self._socket, self.endpoint, keys=keys)

    def ask(self, ask: Ask[T], timeout_s: float | None = None) -> T:
        """Send a request and return its result."""
        # ZeroMQ queues for a daemon that is not there; asking first tells at once that it is not.
        probe(self.endpoint)
        number = next(self._ids)
        sockets.request(self._socket, self.endpoint, Request(number, ask.op, ask.args).pack())
        wait_s = ask.extra_s + (self.timeout_s if timeout_s is None else timeout_s)
        deadline = time.monotonic() + wait_s
        while True:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not self._socket.poll(left_ms):
                # Gone meanwhile, or busy: two different faults.
                probe(self.endpoint)
                hint = unheard(self.endpoint)
                raise NoReplyError(f"{self.endpoint}: no answer to {ask.op} within {wait_s:g} s{hint}")
            found = result(ask, number, self._socket.recv_multipart(), self.endpoint)
            if found is not None:
                return found[0]

    def request(
        self, op: str, args: Mapping[str, object] | None = None, timeout_s: float | None = None
    ) -> Body:
        """Send `op` and return its result, for an op that this version has no method for."""
        return self.ask(requests.generic(op, args), timeout_s)

    def hello(self) -> Hello:
        """Return who answers."""
        return requests.seen_from(self.endpoint, self.ask(Ask("hello", requests.read_hello)))

    def status(self) -> Status:
        """Return the status map (docs/wire.md, Status)."""
        return self.ask(Ask("status", requests.read_status))

    def mute(self, source: str | None = None) -> dict[str, str]:
        """Close the device of `source` (None: of all); return the state of each source named."""
        return self.ask(requests.on_source("mute", source))

    def unmute(self, source: str | None = None) -> dict[str, str]:
        """Open it again."""
        return self.ask(requests.on_source("unmute", source))

    def end_turn(self, source: str | None = None) -> dict[str, str]:
        """End the turn that is being spoken now, without waiting for silence (op `endpoint`)."""
        return self.ask(requests.on_source("endpoint", source))

    def reconnect(self, source: str | None = None) -> dict[str, str]:
        """Replace the speech-to-text session by a new one."""
        return self.ask(requests.on_source("reconnect", source))

    def get(self, source: str, key: str | None = None) -> Body:
        """Return the value in force of `key`, or of every key that can be read (None)."""
        return self.ask(Ask("get", requests.read_body, requests.given(source=source, key=key)))

    def set(self, source: str, key: str, value: object) -> Body:
        """Change `key` while running; return the value now in force."""
        return self.ask(requests.change(source, key, value))

    def learn_noise(self, source: str, seconds: float = 2.0) -> NoiseProfile:
        """Measure the room's noise for `seconds`; nobody should speak meanwhile."""
        return self.ask(requests.learn_noise(source, seconds))

    def watch(self, source: str | None = None, seconds: float | None = None) -> float:
        """Let `Spectrum` messages of `source` (None: of all) be published for `seconds`, which it returns.

        Ask again before that is over; the daemon takes 1 to 60 s, and 15 s where nothing is said.
        """
        return self.ask(requests.watch(source, seconds))

    def history(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        run: str | None = None,
        after: int | None = None,
        limit: int | None = None,
        revised: bool = False,
        cursor: str | None = None,
    ) -> Transcripts:
        """Return finals from the journal, by when they were said; all arguments narrow.

        since, until   UTC, Unix seconds: what was said, even in part, from then on and before then
        run            id of a run of the daemon, "*" for all; None is the current one
        after          only those whose `seq` in the source's final topic is above, in that order
        limit          at most so many; the daemon's default is 1000, and a page may have fewer
        revised        the newest revision of a final stands in its place
        cursor         `next` of the page before, all else being the same
        """
        args = requests.given(
            since=since, until=until, source=source, run=run, after=after, limit=limit, cursor=cursor,
            revised=revised or None,
        )  # fmt: skip
        return self.ask(Ask("history", requests.read_transcripts, args))

    def search(
        self,
        words: str,
        limit: int | None = None,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        cursor: str | None = None,
    ) -> Transcripts:
        """Return transcripts of all runs that hold all of `words`, the newest first.

        Words "in quotes" are a phrase; `begin*` is any word that begins so.

        A final that was revised is found by its newest revision, which is what is returned.
        """
        args = requests.given(
            words=words, limit=limit, since=since, until=until, source=source, cursor=cursor
        )
        return self.ask(Ask("search", requests.read_transcripts, args))

    def forget(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        source: str | None = None,
        run: str | None = None,
        everything: bool = False,
        dry_run: bool = False,
    ) -> Forgotten:
        """Delete from the journal, for good, what was said even in part in this span (`dry_run`: count it).

        Without any limit nothing goes unless `everything`. It may take minutes where there is much.
        """
        args = requests.given(
            since=since, until=until, source=source, run=run, all=everything, dry_run=dry_run
        )
        return self.ask(Ask("forget", requests.read_forgotten, args), requests.FORGET_S)

    def devices(self) -> list[Body]:
        """Return the inputs that the daemon's machine has, as `heard devices --format json` lists them."""
        return self.ask(Ask("devices", requests.read_devices))

    def reload(self) -> tuple[str, ...]:
        """Let the daemon read its configuration again; return the changed keys that take a restart."""
        return self.ask(Ask("reload", requests.read_reload, extra_s=requests.RELOAD_S))

    def stop(self) -> None:
        """Let the daemon drain and end; returns when it has understood, not when it has gone."""
        self.ask(Ask("stop", requests.read_nothing))

    def close(self) -> None:
        """End the connection; may be called twice."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def result(ask: Ask[T], number: int, frames: list[bytes], endpoint: str) -> tuple[T] | None:
    """Return what the daemon answered to request `number`; None where the answer is another request's.

    Raises:
        BadReplyError: that is no reply of heard.
        ControlRefusedError: the daemon says no.
    """
    try:
        # A delimiter is mirrored only where one was sent; we send none.
        (data,) = frames
        reply = Reply.unpack(data)
    except (ValueError, WireError) as error:
        raise BadReplyError(f"{endpoint}: what answers there is not heard: {error}") from None
    # An answer to an earlier request that had timed out is of no use any more. One without an
    # id is about a request that could not be read: with one at a time, that is this one.
    if reply.id not in (number, None):
        return None
    if reply.code is not None:
        raise ControlRefusedError(reply.code, reply.message)
    try:
        return (ask.read(reply.result or {}),)
    except WireError as error:
        raise BadReplyError(f"{endpoint}: the result of {ask.op} is not heard's: {error}") from None
