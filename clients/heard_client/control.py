"""`Control`: ask the daemon and tell it what to do, over its control socket."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar, cast

import zmq

from heard.wire.codec import Body, WireError, checked, take, take_or
from heard.wire.control import Reply, Request
from heard.wire.status import Status
from heard_client.connect import check_endpoint, find_endpoints, probe
from heard_client.errors import BadReplyError, ControlRefusedError, NoReplyError
from heard_client.messages import Message, from_body

TIMEOUT_S = 5.0
FORGET_S = 610.0
"""A little longer than the daemon takes at most to delete."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers: the daemon's version, its protocol and run, and where it publishes."""

    version: str
    protocol: int
    run: str
    transcripts: str


@dataclass(frozen=True, slots=True)
class NoiseProfile:
    """What `learn_noise` measured."""

    noise_dbfs: float
    seconds: float
    in_force: bool = False
    """Whether noise reduction goes by it now; else it is kept until `denoise.noise` is "learned"."""
    backends: tuple[str, ...] = ()
    """Those that can go by it."""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """A page of transcripts; `more` says that there are others behind it, which `cursor=next` asks for."""

    transcripts: tuple[Message, ...]
    more: bool
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` deleted, or would delete."""

    finals: int
    events: int
    left: tuple[str, ...] = ()
    """Files of the state directory that may still hold words: damaged, or open in another program."""


class Control:
    """A connection to the control socket; one request at a time.

    endpoint   where the daemon listens; None finds it as the daemon does (`find_endpoints`)
    timeout_s  how long to wait for a reply

    Every request raises one of these: DaemonNotRunningError (nobody listens), NoReplyError (no answer in
    time), BadReplyError (the answer is no reply of heard), ControlRefusedError (the daemon says no, and why).

    Not for use by several threads at once. Close it, or use it in a `with` block.
    """

    def __init__(self, endpoint: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.endpoint = find_endpoints().control if endpoint is None else check_endpoint(endpoint)
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._socket.connect(self.endpoint)

    def request(
        self, op: str, args: Mapping[str, object] | None = None, timeout_s: float | None = None
    ) -> Body:
        """Send `op` and return its result, for an op that this version has no method for."""
        # ZeroMQ queues for a daemon that is not there; asking first tells at once that it is not.
        probe(self.endpoint)
        number = next(self._ids)
        self._socket.send(Request(number, op, dict(args or {})).pack())
        wait_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + wait_s
        while True:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not self._socket.poll(left_ms):
                # Gone meanwhile, or busy: two different faults.
                probe(self.endpoint)
                raise NoReplyError(f"{self.endpoint}: no answer to {op} within {wait_s:g} s")
            reply = self._reply(self._socket.recv_multipart())
            # An answer to an earlier request that had timed out is of no use any more. One without an
            # id is about a request that could not be read: with one at a time, that is this one.
            if reply.id in (number, None):
                break
        if reply.code is not None:
            raise ControlRefusedError(reply.code, reply.message)
        return reply.result or {}

    def hello(self) -> Hello:
        """Return who answers."""
        return self._result(
            "hello",
            {},
            lambda result: Hello(
                take(result, "version", str),
                take(result, "protocol", int),
                take(result, "run", str),
                take(result, "transcripts", str),
            ),
        )

    def status(self) -> Status:
        """Return the status map (docs/wire.md, Status)."""
        return cast("Status", self.request("status"))

    def mute(self, source: str | None = None) -> dict[str, str]:
        """Close the device of `source` (None: of all); return the state of each source named."""
        return self._states("mute", source)

    def unmute(self, source: str | None = None) -> dict[str, str]:
        """Open it again."""
        return self._states("unmute", source)

    def end_turn(self, source: str | None = None) -> dict[str, str]:
        """End the turn that is being spoken now, without waiting for silence (op `endpoint`)."""
        return self._states("endpoint", source)

    def reconnect(self, source: str | None = None) -> dict[str, str]:
        """Replace the speech-to-text session by a new one."""
        return self._states("reconnect", source)

    def get(self, source: str, key: str | None = None) -> Body:
        """Return the value in force of `key`, or of every key that can be read (None)."""
        return self.request("get", {"source": source} | ({} if key is None else {"key": key}))

    def set(self, source: str, key: str, value: object) -> Body:
        """Change `key` while running; return the value now in force."""
        return self.request("set", {"source": source, "key": key, "value": value})

    def learn_noise(self, source: str, seconds: float = 2.0) -> NoiseProfile:
        """Measure the room's noise for `seconds`; nobody should speak meanwhile."""
        return self._result(
            "learn_noise",
            {"source": source, "seconds": seconds},
            lambda result: NoiseProfile(
                take(result, "noise_dbfs", float),
                take(result, "seconds", float),
                take_or(result, "in_force", bool, default=False),
                tuple(checked(name, "backends", str) for name in take_or(result, "backends", list, [])),
            ),
            self.timeout_s + seconds,
        )

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
        args = _given(
            since=since, until=until, source=source, run=run, after=after, limit=limit, cursor=cursor,
            revised=revised or None,
        )  # fmt: skip
        return self._result("history", args, _transcripts)

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
        args = _given(words=words, limit=limit, since=since, until=until, source=source, cursor=cursor)
        return self._result("search", args, _transcripts)

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
        args = _given(since=since, until=until, source=source, run=run, all=everything, dry_run=dry_run)
        return self._result(
            "forget",
            args,
            lambda result: Forgotten(
                take(result, "finals", int),
                take(result, "events", int),
                tuple(checked(name, "left", str) for name in take_or(result, "left", list, [])),
            ),
            FORGET_S,
        )

    def devices(self) -> list[Body]:
        """Return the inputs that the daemon's machine has, as `heard devices --format json` lists them."""
        return self._result(
            "devices",
            {},
            lambda result: [checked(each, "devices", dict) for each in take(result, "devices", list)],
        )

    def reload(self) -> tuple[str, ...]:
        """Let the daemon read its configuration again; return the changed keys that take a restart."""
        return self._result(
            "reload",
            {},
            lambda result: tuple(
                checked(key, "restart_needed", str) for key in take_or(result, "restart_needed", list, [])
            ),
        )

    def stop(self) -> None:
        """Let the daemon drain and end; returns when it has understood, not when it has gone."""
        self.request("stop")

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

    def _states(self, op: str, source: str | None) -> dict[str, str]:
        return self._result(
            op,
            {} if source is None else {"source": source},
            lambda result: {
                str(name): checked(state, "sources", str)
                for name, state in take(result, "sources", dict).items()
            },
        )

    def _result(self, op: str, args: Body, read: Callable[[Body], T], timeout_s: float | None = None) -> T:
        try:
            return read(self.request(op, args, timeout_s))
        except WireError as error:
            raise BadReplyError(f"{self.endpoint}: the result of {op} is not heard's: {error}") from None

    def _reply(self, frames: list[bytes]) -> Reply:
        try:
            # A delimiter is mirrored only where one was sent; we send none.
            (data,) = frames
            return Reply.unpack(data)
        except (ValueError, WireError) as error:
            raise BadReplyError(f"{self.endpoint}: what answers there is not heard: {error}") from None


def _transcripts(result: Body) -> Transcripts:
    bodies = [checked(each, "transcripts", dict) for each in take(result, "transcripts", list)]
    read = (from_body(take(body, "topic", str), body) for body in bodies)
    return Transcripts(
        tuple(message for message in read if message is not None),
        take_or(result, "more", bool, default=False),
        take_or(result, "next", str, "") or None,
    )


def _given(**args: object) -> Body:
    return {name: value for name, value in args.items() if value is not None}
