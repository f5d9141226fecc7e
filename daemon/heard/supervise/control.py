"""Core: the control socket's ops. Frames and time go in; frames for clients and orders for stages come out.

Each op is one handler. It answers at once, or names the stages that must act; their answers come in by
`answered`, and the client hears when all have come or one failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from heard import __version__
from heard.pipes import Process
from heard.settings import Settings
from heard.wire import PROTOCOL
from heard.wire.codec import MAX_MESSAGE_BYTES, Body, WireError, take, take_or, unpack
from heard.wire.control import Code, ControlError, Id, Reply, Request, request_id
from heard.wire.report import Answer, Order

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""How long a stage may take to answer an order."""

LONGEST_ANSWER_S = 30.0
"""The same for an order that takes its time."""
FORGET_S = 600.0
"""The same for `forget`: it deletes in small steps, so that nothing waits for it."""
DEVICES_S = 12.0
"""The same for a list of devices: capture waits 10 s for the sound system."""
LEARN_S = 2.0
"""For how long noise is measured unless the client says."""
WATCH_S = 15.0
"""For how long spectra are published unless the client says."""

SHOWN_CHARS = 100

Frames = list[bytes]


@dataclass(frozen=True, slots=True)
class Relay:
    """What a handler returns that needs stages: the orders to give, by process."""

    orders: tuple[tuple[Process, str, str, Body], ...]
    """(process, op, source, args)."""
    result: Body = field(default_factory=dict)
    """What is known of the result before the stages answer."""
    within_s: float = ANSWER_S
    """How long they may take."""
    then: Callable[[], Relay] | None = None
    """What follows once all have answered without an error; the client hears then."""
    otherwise: Callable[[], None] = lambda: None
    """Called where one of them refuses or is late."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration that was read again.

    denoise  what the denoise stage is asked first, by source: whether it can have that
    put      puts all in force and returns the op's result
    drop     takes note that it is not put in force
    """

    denoise: Body
    put: Callable[[], Body]
    drop: Callable[[], None] = lambda: None


@dataclass(slots=True)
class _Pending:
    """A request that waits for the answers of stages; without an envelope nobody is told of them."""

    envelope: Frames | None
    request: Request
    within_s: float
    due: float
    missing: dict[int, Process]
    result: Body = field(default_factory=dict)
    then: Callable[[], Relay] | None = None
    otherwise: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Outbox:
    """What a call wants sent: `replies` on the control socket, `orders` to stages."""

    replies: list[Frames] = field(default_factory=list)
    orders: list[tuple[Process, Order]] = field(default_factory=list)


class Control:
    """The ops of the control socket.

    `status` returns the status map. `changed` is told of each `mute`, `unmute` and `set` that a stage
    has carried out, as (op, source, args): supervise keeps them for the restart of that stage. `up` says
    whether a process can take orders. `reload` reads the configuration again; it raises ControlError
    where that has errors.
    """

    def __init__(
        self,
        settings: Settings,
        run: str,
        *,
        status: Callable[[], Body],
        up: Callable[[Process], bool],
        changed: Callable[[str, str, Body], None],
        reload: Callable[[], Prepared],
    ) -> None:
        self._settings = settings
        self._run = run
        self._status = status
        self._up = up
        self._changed = changed
        self._read_again = reload
        self._pending: dict[int, _Pending] = {}
        self._last_order = 0
        self.stop_requested = False
        self.refused = 0
        """Requests that were malformed or too large."""
        self._handlers: dict[str, Callable[[Body], Body | Relay]] = {
            "hello": self._hello,
            "status": lambda _args: self._status(),
            "mute": self._to("capture", "mute"),
            "unmute": self._to("capture", "unmute"),
            "endpoint": self._to("upstream", "endpoint"),
            "reconnect": self._to("upstream", "reconnect"),
            "get": self._get,
            "set": self._set,
            "learn_noise": self._learn_noise,
            "watch": self._watch,
            "history": _of_the_journal("history"),
            "search": _of_the_journal("search"),
            "forget": _of_the_journal("forget", FORGET_S),
            "devices": lambda _args: Relay((("capture", "devices", "", {}),), within_s=DEVICES_S),
            "reload": lambda _args: self._reload(),
            "stop": self._stop,
        }

    def take(self, frames: Frames, now: float) -> Outbox:
        """Handle what a client sent: `frames` as the ROUTER received them, the identity first."""
        outbox = Outbox()
        envelope, payload = _split(frames)
        number: Id = None
        try:
            data = _only_frame(payload)
            number = request_id(unpack(data))
            self._begin(envelope, Request.unpack(data), now, outbox)
        except WireError as error:
            self.refused += 1
            outbox.replies.append([*envelope, _refusal(number, ControlError(Code.BAD_REQUEST, str(error)))])
        except ControlError as error:
            self.refused += error.code in (Code.BAD_REQUEST, Code.TOO_LARGE)
            outbox.replies.append([*envelope, _refusal(number, error)])
        return outbox

    def answered(self, answer: Answer) -> Outbox:
        """Handle a stage's answer to an order; one that nobody waits for any more is ignored."""
        outbox = Outbox()
        pending = self._pending.pop(answer.number, None)
        if pending is None:
            return outbox
        if answer.code is not None:
            self._give_up(pending)
            self._refuse(pending, ControlError(answer.code, answer.message), outbox)
            return outbox
        if answer.packed:
            _reply(pending.envelope, Reply(pending.request.id, packed=answer.packed), outbox)
            return outbox
        del pending.missing[answer.number]
        _merge(pending.result, answer.result)
        if pending.missing:
            return outbox
        if pending.then is not None:
            now = pending.due - pending.within_s  # at the earliest: the stages of the next step have longer
            self._relay(pending.envelope, pending.request, pending.then(), now + ANSWER_S, outbox)
            return outbox
        args = pending.request.args
        # Checked by the ops that take one; to the others it is a field that they do not know.
        source = args.get("source")
        self._changed(pending.request.op, source if isinstance(source, str) else "", args)
        _reply(pending.envelope, Reply(pending.request.id, pending.result), outbox)
        return outbox

    @property
    def is_waiting(self) -> bool:
        """Whether stages are still to answer a request."""
        return bool(self._pending)

    def expire(self, now: float) -> Outbox:
        """Answer the requests whose stages took too long."""
        outbox = Outbox()
        for pending in list(self._pending.values()):
            if now < pending.due or not pending.missing:
                continue
            late = ", ".join(sorted(set(pending.missing.values())))
            self._give_up(pending)
            error = ControlError(Code.NOT_AVAILABLE, f"{late} did not answer within {pending.within_s:g} s")
            self._refuse(pending, error, outbox)
            pending.missing.clear()
        return outbox

    def reload(self, now: float) -> Outbox:
        """Reload without a client: what goes wrong is in the log.

        Raises:
            ControlError: the configuration has errors; nothing has changed.
        """
        outbox = Outbox()
        self._relay(None, Request(None, "reload", {}), self._reload(), now, outbox)
        return outbox

    def _begin(self, envelope: Frames, request: Request, now: float, outbox: Outbox) -> None:
        handler = self._handlers.get(request.op)
        if handler is None:
            raise ControlError(
                Code.UNKNOWN_OP,
                f"unknown op {_shown(request.op)}: there are {', '.join(sorted(self._handlers))}",
            )
        outcome = handler(request.args)
        if not isinstance(outcome, Relay):
            _reply(envelope, Reply(request.id, outcome), outbox)
            return
        for process, _, _, _ in outcome.orders:
            if not self._up(process):
                raise ControlError(Code.NOT_AVAILABLE, f"{process} is not running at the moment; try again")
        self._relay(envelope, request, outcome, now, outbox)

    def _relay(
        self, envelope: Frames | None, request: Request, relay: Relay, now: float, outbox: Outbox
    ) -> None:
        """Give the orders of a request; without any it is answered."""
        if not relay.orders:
            _reply(envelope, Reply(request.id, relay.result), outbox)
            return
        due = now + relay.within_s
        result = dict(relay.result)
        pending = _Pending(envelope, request, relay.within_s, due, {}, result, relay.then, relay.otherwise)
        for process, op, source, args in relay.orders:
            self._last_order += 1
            pending.missing[self._last_order] = process
            self._pending[self._last_order] = pending
            outbox.orders.append((process, Order(self._last_order, op, source, args)))

    def _refuse(self, pending: _Pending, error: ControlError, outbox: Outbox) -> None:
        if pending.request.op == "reload":
            changed = "nothing is changed" if pending.then else "not all is in force"
            log.error("reload: %s: %s", changed, error.message)
        pending.otherwise()
        _reply(pending.envelope, Reply(pending.request.id, None, error.code, error.message), outbox)

    def _give_up(self, pending: _Pending) -> None:
        for number in pending.missing:
            self._pending.pop(number, None)

    def _hello(self, _args: Body) -> Body:
        return {
            "version": __version__,
            "protocol": PROTOCOL,
            "run": self._run,
            "transcripts": take_or(
                take_or(self._status(), "publish", dict, {}), "endpoint", str, self._settings.publish.endpoint
            ),
        }

    def _stop(self, _args: Body) -> Body:
        self.stop_requested = True
        return {}

    def _to(self, process: Process, op: str) -> Callable[[Body], Relay]:
        """Return the handler of an op that one stage carries out, for one source or all."""

        def handler(args: Body) -> Relay:
            source = self._source(args, required=False)
            return Relay(((process, op, source, {}),))

        return handler

    def _get(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        key = take_or(args, "key", str, "")
        stages = [_stage_of(key)] if key else list(STAGES.values())
        return Relay(tuple((stage, "get", source, {"key": key} if key else {}) for stage in stages))

    def _set(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        key = take(args, "key", str)
        if "value" not in args:
            raise WireError("field 'value' is missing")
        return Relay(((_stage_of(key), "set", source, {"key": key, "value": args["value"]}),))

    def _learn_noise(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        seconds = take_or(args, "seconds", float, LEARN_S)
        # The stage says which lengths it takes; whatever is asked for, a client is not kept waiting for ever.
        within_s = min(max(0.0, seconds) + ANSWER_S, LONGEST_ANSWER_S)
        order: tuple[Process, str, str, Body] = ("denoise", "learn_noise", source, {"seconds": seconds})
        return Relay((order,), within_s=within_s)

    def _watch(self, args: Body) -> Relay:
        source = self._source(args, required=False)
        seconds = take_or(args, "seconds", float, WATCH_S)
        return Relay((("denoise", "watch", source, {"seconds": seconds}),))

    def _reload(self) -> Relay:
        prepared = self._read_again()

        def put() -> Relay:
            result = prepared.put()
            # A stage that is not up reads what is in force when it starts.
            return Relay(tuple((each, "reload", "", {}) for each in RELOADING if self._up(each)), result)

        if not prepared.denoise or not self._up("denoise"):
            return put()
        check: tuple[Process, str, str, Body] = ("denoise", "check", "", {"sources": prepared.denoise})
        return Relay((check,), then=put, otherwise=prepared.drop)

    def _source(self, args: Body, *, required: bool) -> str:
        name = take(args, "source", str) if required else take_or(args, "source", str, "")
        if (required or name) and self._settings.by_name(name) is None:
            names = ", ".join(source.name for source in self._settings.source)
            raise ControlError(Code.UNKNOWN_SOURCE, f"no source is called {_shown(name)}: there are {names}")
        return name


STAGES: dict[str, Process] = {"denoise": "denoise", "upstream": "upstream"}
"""Who has the settings that can change while running, by the first part of their key."""

RELOADING: tuple[Process, ...] = ("capture", "denoise", "upstream", "publish")
"""Who reads the settings in force."""


def _of_the_journal(op: str, within_s: float = ANSWER_S) -> Callable[[Body], Relay]:
    """Return the handler of an op that `publish`, who has the journal, carries out and checks."""

    def handler(args: Body) -> Relay:
        return Relay((("publish", op, "", args),), within_s=within_s)

    return handler


def _stage_of(key: str) -> Process:
    section = key.partition(".")[0]
    if section not in STAGES or "." not in key:
        raise ControlError(
            Code.BAD_VALUE,
            f"unknown key {_shown(key)}: keys begin with {' or '.join(f'{s}.' for s in STAGES)}",
        )
    return STAGES[section]


def _shown(text: str) -> str:
    """Return what a client sent, short enough for a reply."""
    return repr(text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")


def _split(frames: Sequence[bytes]) -> tuple[Frames, Frames]:
    """Return the envelope (identity, and the empty delimiter of a REQ client) and the rest."""
    envelope, payload = list(frames[:1]), list(frames[1:])
    if len(payload) > 1 and payload[0] == b"":
        envelope.append(payload.pop(0))
    return envelope, payload


def _only_frame(payload: Frames) -> bytes:
    """Return the one frame of a request.

    Raises:
        ControlError: there are several or none, or it is too large.
    """
    if len(payload) != 1:
        raise ControlError(Code.BAD_REQUEST, f"one frame was expected, not {len(payload)}")
    if len(payload[0]) > MAX_MESSAGE_BYTES:
        text = f"request of {len(payload[0])} bytes: at most {MAX_MESSAGE_BYTES} are read"
        raise ControlError(Code.TOO_LARGE, text)
    return payload[0]


def _reply(envelope: Frames | None, reply: Reply, outbox: Outbox) -> None:
    """Have a reply sent to the client, if there is one."""
    if envelope is not None:
        outbox.replies.append([*envelope, reply.pack()])


def _refusal(number: Id, error: ControlError) -> bytes:
    return Reply(number, None, error.code, error.message).pack()


def _merge(into: Body, result: Body) -> None:
    """Add a stage's result; maps that both have (sources) are joined."""
    for key, value in result.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            old.update(value)
        else:
            into[key] = value
