"""Core: requests of the control socket. Frames and time go in, frames for clients and orders to stages out.

An op (`ops`) answers at once, or names the stages that must act; their answers come in by `answered`, and the
client hears when all have come or one failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from heard.pipes import Process
from heard.settings import Settings
from heard.supervise.ops import ANSWER_S, Ops, Prepared, Relay, shown
from heard.wire.codec import MAX_MESSAGE_BYTES, Body, WireError, unpack
from heard.wire.control import Code, ControlError, Id, Reply, Request, request_id
from heard.wire.report import Answer, Order

log = logging.getLogger(__name__)

Frames = list[bytes]


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
    """The requests that are under way.

    `changed` is told of each `mute`, `unmute` and `set` that a stage has carried out, as (op, source, args):
    supervise keeps them for the restart of that stage. For the rest see `Ops`.
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
        self._ops = Ops(settings, run, status=status, up=up, reload=reload)
        self._up = up
        self._changed = changed
        self._pending: dict[int, _Pending] = {}
        self._last_order = 0
        self.refused = 0
        """Requests that were malformed or too large."""

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
    def stop_requested(self) -> bool:
        """Whether a client has asked for the end."""
        return self._ops.stop_requested

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
        self._relay(None, Request(None, "reload", {}), self._ops.reload(), now, outbox)
        return outbox

    def _begin(self, envelope: Frames, request: Request, now: float, outbox: Outbox) -> None:
        handler = self._ops.handlers.get(request.op)
        if handler is None:
            raise ControlError(
                Code.UNKNOWN_OP,
                f"unknown op {shown(request.op)}: there are {', '.join(sorted(self._ops.handlers))}",
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
