"""The control socket's ops as frames in, frames out."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.pipes import Process
from heard.settings import Settings, Source
from heard.supervise.control import Control, Outbox
from heard.supervise.ops import ANSWER_S, FORGET_S, LONGEST_ANSWER_S, Prepared
from heard.wire.codec import MAX_MESSAGE_BYTES, Body, pack
from heard.wire.control import Code, ControlError, Reply, Request
from heard.wire.report import Answer

CLIENT = b"client"


class Desk:
    """A Control with two sources, and what it told supervise."""

    def __init__(self) -> None:
        self.down: set[Process] = set()
        self.changes: list[tuple[str, str, Body]] = []
        self.reloaded: Body | ControlError = {}
        self.denoise: Body = {}
        self.put = 0
        self.dropped = 0
        self.control = Control(
            Settings(source=(Source(name="mic"), Source(name="line"))),
            "run1",
            status=lambda: {"state": "ready"},
            up=lambda process: process not in self.down,
            changed=lambda op, source, args: self.changes.append((op, source, args)),
            reload=self._reload,
        )

    def _reload(self) -> Prepared:
        if isinstance(self.reloaded, ControlError):
            raise self.reloaded
        return Prepared(self.denoise, self._put, self._drop)

    def _drop(self) -> None:
        self.dropped += 1

    def _put(self) -> Body:
        assert not isinstance(self.reloaded, ControlError)
        self.put += 1
        return self.reloaded

    def ask(self, op: str, **args: object) -> Outbox:
        """Send one request, at time 0."""
        return self.control.take([CLIENT, Request(7, op, args).pack()], 0.0)


def _reply(outbox: Outbox) -> Reply:
    [frames] = outbox.replies
    assert frames[0] == CLIENT
    return Reply.unpack(frames[-1])


@pytest.fixture(name="desk")
def _desk() -> Desk:
    return Desk()


def test_hello_says_where_transcripts_are(desk: Desk) -> None:
    """Everything that a client needs to subscribe."""
    result = _reply(desk.ask("hello")).result
    assert result is not None
    assert set(result) == {"version", "protocol", "run", "transcripts"}
    assert result["run"] == "run1"


def test_status_is_the_map(desk: Desk) -> None:
    """The op returns what the topic carries."""
    assert _reply(desk.ask("status")).result == {"state": "ready"}


def test_an_op_for_a_stage_waits_for_its_answer(desk: Desk) -> None:
    """`mute` becomes an order; the client hears what the stage answered, and supervise of the change."""
    outbox = desk.ask("mute", source="mic")
    [(process, order)] = outbox.orders
    assert (process, order.op, order.source, outbox.replies) == ("capture", "mute", "mic", [])
    reply = _reply(desk.control.answered(Answer(order.number, {"sources": {"mic": "muted"}})))
    assert reply.result == {"sources": {"mic": "muted"}}
    assert [(op, source) for op, source, _ in desk.changes] == [("mute", "mic")]


def test_watch_is_an_order_for_denoise_and_ends_by_itself(desk: Desk) -> None:
    """15 s unless the client says; the stage judges the number."""
    [(process, order)] = desk.ask("watch").orders
    assert (process, order.op, order.source, order.args) == ("denoise", "watch", "", {"seconds": 15.0})
    [(_, order)] = desk.ask("watch", source="mic", seconds=2).orders
    assert (order.source, order.args) == ("mic", {"seconds": 2})


def test_without_a_source_all_are_meant(desk: Desk) -> None:
    """A missing source is passed on as "" (all)."""
    [(_, order)] = desk.ask("unmute").orders
    assert order.source == ""


def test_get_of_everything_asks_both_stages_and_joins(desk: Desk) -> None:
    """The answers of denoise and upstream become one map."""
    orders = desk.ask("get", source="mic").orders
    assert {process for process, _ in orders} == {"denoise", "upstream"}
    assert desk.control.answered(Answer(orders[0][1].number, {"denoise.mix": 0.3})).replies == []
    reply = _reply(desk.control.answered(Answer(orders[1][1].number, {"upstream.prompt": ""})))
    assert reply.result == {"denoise.mix": 0.3, "upstream.prompt": ""}


def test_a_stage_that_refuses_is_quoted(desk: Desk) -> None:
    """The stage's code and text reach the client, and nothing is remembered."""
    [(_, order)] = desk.ask("set", source="mic", key="denoise.mix", value=7).orders
    refused = Answer(order.number, code=Code.BAD_VALUE, message="must be 0 to 1")
    reply = _reply(desk.control.answered(refused))
    assert (reply.code, reply.message) == (Code.BAD_VALUE, "must be 0 to 1")
    assert desk.changes == []


def test_a_stage_that_does_not_answer_is_named(desk: Desk) -> None:
    """After ANSWER_S the client is told who is late; a later answer is ignored."""
    [(_, order)] = desk.ask("mute").orders
    assert desk.control.expire(ANSWER_S - 0.1).replies == []
    reply = _reply(desk.control.expire(ANSWER_S))
    assert reply.code is Code.NOT_AVAILABLE
    assert "capture" in reply.message
    assert desk.control.answered(Answer(order.number)).replies == []


def test_a_stage_that_is_down_is_said_at_once(desk: Desk) -> None:
    """No order is given to a process that is not there."""
    desk.down.add("capture")
    outbox = desk.ask("mute")
    assert outbox.orders == []
    assert _reply(outbox).code is Code.NOT_AVAILABLE


@pytest.mark.parametrize(
    ("op", "args", "code"),
    [
        ("nonsense", {}, Code.UNKNOWN_OP),
        ("mute", {"source": "nobody"}, Code.UNKNOWN_SOURCE),
        ("get", {"source": ""}, Code.UNKNOWN_SOURCE),
        ("get", {}, Code.BAD_REQUEST),
        ("mute", {"source": 3}, Code.BAD_REQUEST),
        ("set", {"source": "mic", "key": "denoise.mix"}, Code.BAD_REQUEST),
        ("set", {"source": "mic", "key": "capture.block_ms", "value": 10}, Code.BAD_VALUE),
        ("get", {"source": "mic", "key": "denoise"}, Code.BAD_VALUE),
        ("learn_noise", {}, Code.BAD_REQUEST),
        ("learn_noise", {"source": "nobody"}, Code.UNKNOWN_SOURCE),
        ("learn_noise", {"source": "mic", "seconds": "2"}, Code.BAD_REQUEST),
    ],
)
def test_a_bad_request_says_why(desk: Desk, op: str, args: Body, code: Code) -> None:
    """Each mistake has its code, mirrors the id and gives no order."""
    outbox = desk.ask(op, **args)
    reply = _reply(outbox)
    assert (reply.code, reply.id, outbox.orders) == (code, 7, [])
    assert reply.message


@pytest.mark.parametrize("op", ["history", "search", "forget"])
def test_questions_to_the_journal_go_to_publish(desk: Desk, op: str) -> None:
    """With all their arguments; the answer is handed on as it is packed, and nothing has changed by it."""
    args: Body = {"source": "gone", "words": 3}
    [(process, order)] = desk.ask(op, **args).orders
    assert (process, order.op, order.source, order.args) == ("publish", op, "", args)
    reply = _reply(desk.control.answered(Answer(order.number, packed=pack({"transcripts": []}))))
    assert (reply.id, reply.result) == (7, {"transcripts": []})
    assert desk.changes == []
    assert desk.control.expire(1e9).replies == []


def test_forgetting_may_take_its_time(desk: Desk) -> None:
    """It deletes in small steps; its answer is a plain one."""
    [(_, order)] = desk.ask("forget", all=True).orders
    assert desk.control.expire(FORGET_S - 1).replies == []
    assert _reply(desk.control.answered(Answer(order.number, {"finals": 2}))).result == {"finals": 2}


@pytest.mark.parametrize(
    ("args", "seconds", "within_s"),
    [({}, 2.0, 7.0), ({"seconds": 10}, 10.0, 15.0), ({"seconds": 1e9}, 1e9, LONGEST_ANSWER_S)],
)
def test_learning_the_noise_may_take_its_time(
    desk: Desk, args: Body, seconds: float, within_s: float
) -> None:
    """As long as it lasts and ANSWER_S more, at most half a minute; the stage judges the length."""
    [(process, order)] = desk.ask("learn_noise", source="mic", **args).orders
    assert (process, order.op, order.source) == ("denoise", "learn_noise", "mic")
    assert order.args == {"seconds": seconds}
    assert desk.control.expire(within_s - 0.1).replies == []
    reply = _reply(desk.control.expire(within_s))
    assert (reply.code, reply.message) == (
        Code.NOT_AVAILABLE,
        f"denoise did not answer within {within_s:g} s",
    )


def test_reload_is_an_order_to_every_stage_that_is_up(desk: Desk) -> None:
    """The client hears what takes a restart once all have taken the rest over; who starts later reads it."""
    desk.down.add("publish")
    desk.reloaded = {"restart_needed": ["capture.retention_s"]}
    orders = desk.ask("reload").orders
    assert [(process, order.op) for process, order in orders] == [
        ("capture", "reload"),
        ("denoise", "reload"),
        ("upstream", "reload"),
    ]
    for _, order in orders[:-1]:
        assert desk.control.answered(Answer(order.number)).replies == []
    reply = _reply(desk.control.answered(Answer(orders[-1][1].number)))
    assert reply.result == {"restart_needed": ["capture.retention_s"]}


def test_reload_of_what_is_wrong_orders_nothing(desk: Desk) -> None:
    """The text has every error; no stage hears of it."""
    desk.reloaded = ControlError(Code.BAD_VALUE, "one\ntwo")
    outbox = desk.ask("reload")
    reply = _reply(outbox)
    assert (reply.code, reply.message, outbox.orders) == (Code.BAD_VALUE, "one\ntwo", [])


def test_reload_without_a_stage_is_answered_at_once(desk: Desk) -> None:
    """All of them are being restarted."""
    desk.down |= {"capture", "denoise", "upstream", "publish"}
    outbox = desk.ask("reload")
    assert (_reply(outbox).result, outbox.orders) == ({}, [])


def test_reload_by_a_signal_has_no_client(desk: Desk) -> None:
    """The same orders; their answers go nowhere."""
    outbox = desk.control.reload(0.0)
    assert [order.op for _, order in outbox.orders] == ["reload"] * 4
    assert outbox.replies == []
    for _, order in outbox.orders:
        assert desk.control.answered(Answer(order.number)).replies == []
    assert desk.put == 1


def test_noise_reduction_is_asked_for_before_anything_is_put_in_force(desk: Desk) -> None:
    """Once its stage says that it can be had, all are told, and the client hears when they are done."""
    desk.denoise = {"mic": {"backend": "deepfilter", "noise": "tracked"}}
    [(process, check)] = desk.ask("reload").orders
    assert (process, check.op, check.args) == ("denoise", "check", {"sources": desk.denoise})
    assert desk.put == 0
    outbox = desk.control.answered(Answer(check.number))
    assert (desk.put, outbox.replies) == (1, [])
    assert [order.op for _, order in outbox.orders] == ["reload"] * 4
    replies = [desk.control.answered(Answer(order.number)) for _, order in outbox.orders]
    assert _reply(replies[-1]).result == {}


@pytest.mark.parametrize("client", [True, False])
def test_noise_reduction_that_cannot_be_had_changes_nothing(
    desk: Desk, caplog: pytest.LogCaptureFixture, *, client: bool
) -> None:
    """Told to the client, or to the log alone where a signal asked."""
    desk.denoise = {"mic": {"backend": "deepfilter", "noise": "tracked"}}
    [(_, check)] = (desk.ask("reload") if client else desk.control.reload(0.0)).orders
    outbox = desk.control.answered(Answer(check.number, code=Code.BAD_VALUE, message="deepfilter: missing"))
    assert (desk.put, desk.dropped, outbox.orders) == (0, 1, [])
    assert "reload: nothing is changed: deepfilter: missing" in caplog.text
    if client:
        assert (_reply(outbox).code, _reply(outbox).message) == (Code.BAD_VALUE, "deepfilter: missing")
    else:
        assert outbox.replies == []


def test_a_denoise_stage_that_is_not_up_is_not_asked(desk: Desk) -> None:
    """It reads what is in force when it starts, and says then what it cannot have."""
    desk.denoise = {"mic": {"backend": "deepfilter", "noise": "tracked"}}
    desk.down.add("denoise")
    assert [order.op for _, order in desk.ask("reload").orders] == ["reload"] * 3


def test_a_denoise_stage_that_does_not_answer_changes_nothing(desk: Desk) -> None:
    """The client hears who was late."""
    desk.denoise = {"mic": {"backend": "deepfilter", "noise": "tracked"}}
    desk.ask("reload")
    outbox = desk.control.expire(60.0)
    assert _reply(outbox).code is Code.NOT_AVAILABLE
    assert (desk.put, desk.dropped) == (0, 1)


def test_an_empty_delimiter_is_mirrored(desk: Desk) -> None:
    """A REQ socket's delimiter comes back; a DEALER without one gets none."""
    data = Request(1, "hello", {}).pack()
    assert desk.control.take([CLIENT, b"", data], 0.0).replies[0][:2] == [CLIENT, b""]
    assert len(desk.control.take([CLIENT, data], 0.0).replies[0]) == 2


@pytest.mark.parametrize(
    "payload",
    [
        [],
        [b""],
        [b"\xc1"],
        [b"\x00"],
        [msgpack.packb([1, 2])],
        [msgpack.packb({1: 2})],
        [msgpack.packb({"v": 1, "id": 3})],
        [msgpack.packb({"v": 2, "id": 3, "op": "hello"})],
        [msgpack.packb({"v": 1, "id": 3, "op": "hello", "args": []})],
        [b"x", b"y"],
        [b"", b"", b"y"],
        [b"\x81" * 3000],
    ],
)
def test_garbage_gets_an_error_reply(desk: Desk, payload: list[bytes]) -> None:
    """Whatever comes is answered and counted."""
    reply = _reply(desk.control.take([CLIENT, *payload], 0.0))
    assert reply.code is Code.BAD_REQUEST
    assert desk.control.refused == 1


def test_too_large_is_said(desk: Desk) -> None:
    """A request above the limit is not decoded."""
    reply = _reply(desk.control.take([CLIENT, b"x" * (MAX_MESSAGE_BYTES + 1)], 0.0))
    assert (reply.code, reply.id) == (Code.TOO_LARGE, None)


def test_stop_is_answered_before_it_is_done(desk: Desk) -> None:
    """The client gets its reply; supervise sees the flag."""
    assert _reply(desk.ask("stop")).result == {}
    assert desk.control.stop_requested


@given(st.lists(st.binary(max_size=64), max_size=4))
def test_any_frames_get_exactly_one_reply(frames: list[bytes]) -> None:
    """No input brings the core down or leaves a client waiting."""
    assert len(Desk().control.take([CLIENT, *frames], 0.0).replies) == 1


json_like = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["get", "set", "mute", "status", "hello", "endpoint"]), json_like)
def test_any_args_get_a_reply_or_an_order(op: str, args: object) -> None:
    """Hostile arguments are answered with an error, never with an exception."""
    data = msgpack.packb({"v": 1, "id": 1, "op": op, "args": args})
    outbox = Desk().control.take([CLIENT, data], 0.0)
    assert len(outbox.replies) == 1 or outbox.orders


def test_a_field_that_an_op_does_not_know_may_hold_anything(desk: Desk) -> None:
    """`reload` takes no source; one that is no text is none of its business, also when the stages answer."""
    orders = desk.ask("reload", source=[1]).orders
    replies = [reply for _, order in orders for reply in desk.control.answered(Answer(order.number)).replies]
    assert [Reply.unpack(frames[-1]).code for frames in replies] == [None]


@pytest.mark.parametrize(("op", "args"), [("x" * 10**6, {}), ("mute", {"source": "x" * 10**6})])
def test_an_error_quotes_little_of_what_was_sent(desk: Desk, op: str, args: Body) -> None:
    """A reply is for a person, and smaller than what a client may read."""
    assert len(_reply(desk.ask(op, **args)).message) < 500
