"""`Control` against the daemon's own request handling, and against peers that answer nonsense."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from heard.settings import Settings
from heard.supervise.control import Control as Handlers
from heard.supervise.ops import Prepared
from heard.wire.codec import Body, pack, unpack
from heard.wire.control import Code
from heard.wire.report import Answer, Order
from heard_client.control import Control
from heard_client.errors import (
    BadReplyError,
    ControlRefusedError,
    DaemonNotRunningError,
    EndpointError,
    NoReplyError,
)
from heard_client.messages import Final
from heard_client.requests import Hello, NoiseProfile

from .peers import Frames, answering, final

HELLO: Body = {"version": "1", "protocol": 1, "run": "r", "transcripts": "ipc:///t"}


def stage(order: Order) -> Answer:
    """Answer an order as a stage would: states for what acts on sources, values for settings."""
    match order.op:
        case "get":
            return Answer(order.number, {"denoise.mix": 0.3, "denoise.backend": "off"})
        case "set" if order.args["value"] == "wrong":
            return Answer(order.number, code=Code.BAD_VALUE, message="denoise.mix: must be 0 to 1")
        case "set":
            return Answer(order.number, {str(order.args["key"]): order.args["value"]})
        case _:
            return Answer(order.number, {"sources": {order.source or "mic": f"{order.op}d"}})


@pytest.fixture(name="control")
def _control(tmp_path: Path) -> Iterator[Control]:
    handlers = Handlers(
        Settings(),
        "run-7",
        status=lambda: {"state": "ready", "run": "run-7"},
        up=lambda process: process != "upstream",
        changed=lambda _op, _source, _args: None,
        reload=lambda: Prepared({}, lambda: {"restart_needed": ["capture.retention_s", "source.line"]}),
    )

    def answer(frames: Frames) -> list[Frames]:
        outbox = handlers.take(frames, 0.0)
        replies = list(outbox.replies)
        for _, order in outbox.orders:
            replies += handlers.answered(stage(order)).replies
        return replies

    with answering(tmp_path / "control", answer) as endpoint, Control(endpoint) as control:
        yield control


def test_hello_and_status(control: Control) -> None:
    """Who answers, and the map as it is."""
    hello = control.hello()
    assert (hello.protocol, hello.run) == (1, "run-7")
    assert hello.transcripts == Settings().publish.endpoint
    assert dict(control.status()) == {"state": "ready", "run": "run-7"}


def test_sources_are_acted_on_by_name_or_all(control: Control) -> None:
    """The reply has the state of each."""
    assert control.mute() == {"mic": "muted"}
    assert control.unmute("mic") == {"mic": "unmuted"}


def test_settings_are_read_and_changed(control: Control) -> None:
    """`set` returns the value in force."""
    assert control.get("mic", "denoise.mix")["denoise.mix"] == 0.3
    assert control.set("mic", "denoise.mix", 0.5) == {"denoise.mix": 0.5}


def test_what_the_daemon_refuses_has_its_code_and_its_words(control: Control) -> None:
    """Each error reply becomes one exception; the connection goes on."""
    with pytest.raises(ControlRefusedError, match="no source is called 'mike'") as error:
        control.mute("mike")
    assert error.value.code is Code.UNKNOWN_SOURCE
    with pytest.raises(ControlRefusedError, match="must be 0 to 1") as error:
        control.set("mic", "denoise.mix", "wrong")
    assert error.value.code is Code.BAD_VALUE
    with pytest.raises(ControlRefusedError) as error:
        control.request("dance")
    assert error.value.code is Code.UNKNOWN_OP
    for op in (control.reconnect, control.end_turn):
        with pytest.raises(ControlRefusedError) as error:
            op()
        assert error.value.code is Code.NOT_AVAILABLE
    assert control.hello().run == "run-7"


def test_reload_names_what_takes_a_restart(control: Control, tmp_path: Path) -> None:
    """Nothing where all of it is in force."""
    assert control.reload() == ("capture.retention_s", "source.line")
    with answering(tmp_path / "c", with_result({})) as endpoint, Control(endpoint) as other:
        assert other.reload() == ()


def test_stop_returns_when_it_is_understood(control: Control) -> None:
    """Not when the daemon has gone."""
    control.stop()


def with_result(result: Body) -> Callable[[Frames], list[Frames]]:
    """Return an answer that gives every request the same result."""

    def answer(frames: Frames) -> list[Frames]:
        number = unpack(frames[-1])["id"]
        return [[frames[0], pack({"v": 1, "id": number, "ok": True, "result": result})]]

    return answer


def test_the_journal_comes_as_typed_messages(tmp_path: Path) -> None:
    """Bodies as published, with their topic; what this version does not know is left out."""
    page: Body = {
        "transcripts": [
            final("one") | {"topic": "transcript.final.mic", "v": 1, "run": "r", "seq": 1, "time": 1.0},
            {"topic": "transcript.summary.mic", "text": "later"},
        ],
        "more": True,
    }
    with answering(tmp_path / "c", with_result(page)) as endpoint, Control(endpoint) as control:
        for found in (control.history(since=0.0, source="mic", after=3, limit=2), control.search("one")):
            assert found.more
            assert [type(message) for message in found.transcripts] == [Final]


def test_devices_and_the_rooms_noise(tmp_path: Path) -> None:
    """As the document says, whatever fields an older daemon leaves out."""
    result: Body = {"devices": [{"name": "default"}], "noise_dbfs": -52.5, "seconds": 2.0}
    with answering(tmp_path / "c", with_result(result)) as endpoint, Control(endpoint) as control:
        assert control.devices() == [{"name": "default"}]
        assert control.learn_noise("mic") == NoiseProfile(-52.5, 2.0)
        assert control.watch("mic", 2.0) == control.watch() == 2.0
    result |= {"in_force": True, "backends": ["gate"]}
    with answering(tmp_path / "d", with_result(result)) as endpoint, Control(endpoint) as control:
        assert control.learn_noise("mic") == NoiseProfile(-52.5, 2.0, in_force=True, backends=("gate",))


@pytest.mark.parametrize(
    "result",
    [{}, {"sources": []}, {"sources": {"mic": 3}}, HELLO | {"run": 7}, {"transcripts": [3]}, {"devices": 1}],
)
def test_a_result_of_another_shape_is_no_result(tmp_path: Path, result: Body) -> None:
    """It says so, instead of failing later where nobody expects it."""
    with answering(tmp_path / "c", with_result(result)) as endpoint, Control(endpoint) as control:
        for ask in (control.hello, control.mute, control.devices, control.history):
            with pytest.raises(BadReplyError, match="is not heard's: field"):
                ask()


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"\xc1"],
        [b"HTTP/1.1 400 Bad Request"],
        [b"", b""],
        [pack({})],
        [pack({"v": 1, "id": 1, "ok": "yes", "result": {}})],
        [pack({"v": 1, "id": 1, "ok": True, "result": []})],
        [pack({"v": 1, "id": 1, "ok": False, "error": "no"})],
    ],
)
def test_what_is_no_reply_is_told_as_such(tmp_path: Path, frames: Frames) -> None:
    """Something else listens at that address."""
    with (
        answering(tmp_path / "c", lambda request: [[request[0], *frames]]) as endpoint,
        Control(endpoint) as control,
        pytest.raises(BadReplyError, match="what answers there is not heard"),
    ):
        control.hello()


def test_a_daemon_that_does_not_answer_in_time(tmp_path: Path) -> None:
    """It is there: that is another fault than its absence. Its late answer is not taken for the next one."""
    late: list[Frames] = []

    def answer(frames: Frames) -> list[Frames]:
        number = unpack(frames[-1])["id"]
        run = f"answer {number}"
        reply = [frames[0], pack({"v": 1, "id": number, "ok": True, "result": HELLO | {"run": run}})]
        late.append(reply)
        return [] if len(late) == 1 else list(late)

    with answering(tmp_path / "c", answer) as endpoint, Control(endpoint) as control:
        with pytest.raises(NoReplyError, match=r"no answer to hello within 0\.2 s"):
            control.request("hello", timeout_s=0.2)
        assert control.hello() == Hello("1", 1, "answer 2", "ipc:///t")


def test_an_error_reply_without_an_id_belongs_to_the_request(tmp_path: Path) -> None:
    """The daemon could not read the id; with one request at a time there is no doubt."""
    error = {"code": "too-large", "message": "at most 1048576 bytes"}
    reply = pack({"v": 1, "id": None, "ok": False, "error": error})
    with (
        answering(tmp_path / "c", lambda request: [[request[0], reply]]) as endpoint,
        Control(endpoint) as control,
        pytest.raises(ControlRefusedError, match="at most 1048576 bytes") as refused,
    ):
        control.set("mic", "upstream.keyterms_prompt", ["word"])
    assert refused.value.code is Code.TOO_LARGE


def test_a_code_of_a_later_version_reads_as_internal(tmp_path: Path) -> None:
    """Its text is what matters to a person."""

    def answer(frames: Frames) -> list[Frames]:
        error = {"code": "out-of-tea", "message": "come back at five"}
        return [[frames[0], pack({"v": 1, "id": unpack(frames[-1])["id"], "ok": False, "error": error})]]

    with (
        answering(tmp_path / "c", answer) as endpoint,
        Control(endpoint) as control,
        pytest.raises(ControlRefusedError, match="come back at five") as refused,
    ):
        control.hello()
    assert refused.value.code is Code.INTERNAL


def test_without_a_daemon_it_is_said_at_once(tmp_path: Path) -> None:
    """No socket, or one that a killed daemon left: neither is waited for."""
    path = tmp_path / "control"
    with Control(f"ipc://{path}", timeout_s=60) as control:
        with pytest.raises(DaemonNotRunningError, match="heard is not running"):
            control.hello()
        with closing(socket.socket(socket.AF_UNIX)) as left_behind:
            left_behind.bind(os.fspath(path))
        with pytest.raises(DaemonNotRunningError, match="connection refused"):
            control.hello()


def test_an_address_that_cannot_be_used_is_refused() -> None:
    """Before a socket is made."""
    with pytest.raises(EndpointError, match="'control': must be"):
        Control("control")
