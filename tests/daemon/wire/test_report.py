"""Reports, orders and answers, pinned to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.wire.codec import Body, WireError, pack, unpack
from heard.wire.control import Code
from heard.wire.report import Answer, Order, Report, StageState, unpack_from_stage

from .golden import only_wire_errors, pinned, refuses

FAULT: Body = {"what": "disk", "detail": "full", "since": 1.0}
REPORT = Report("capture", 42, StageState.READY, {"mic": {"state": "live"}}, {}, {"clipped": 0}, [FAULT])


@pytest.mark.parametrize(
    ("message", "golden"),
    [
        (
            REPORT,
            (
                "88a46b696e64a67265706f7274a770726f63657373a763617074757265a37069642aa57374617465a57265616479"
                "a7736f757263657381a36d696381a57374617465a46c697665a36f776e80a8636f756e7465727381a7636c697070656400"
                "a66661756c747391"
                "83a477686174a46469736ba664657461696ca466756c6ca573696e6365cb3ff0000000000000"
            ),
        ),
        (
            Answer(3, {"a": 1}),
            "85a46b696e64a6616e73776572a66e756d62657203a6726573756c7481a16101a4636f6465c0a76d657373616765a0",
        ),
        (
            Answer(3, code=Code.INTERNAL, message="m"),
            (
                "85a46b696e64a6616e73776572a66e756d62657203a6726573756c7480a4636f6465a8696e7465726e616c"
                "a76d657373616765a16d"
            ),
        ),
        (
            Answer(3, packed=b"\x80"),
            (
                "86a46b696e64a6616e73776572a66e756d62657203a6726573756c7480a4636f6465c0"
                "a76d657373616765a0a67061636b6564c40180"
            ),
        ),
    ],
)
def test_golden_bytes_of_what_a_stage_sends(message: Report | Answer, golden: str) -> None:
    """Each kind names itself."""
    pinned(message, message.pack(), unpack_from_stage, golden)


def test_golden_bytes_of_an_order() -> None:
    """The number is mirrored in the answer."""
    order = Order(3, "mute", "mic", {"a": 1})
    pinned(
        order,
        order.pack(),
        Order.unpack,
        "84a66e756d62657203a26f70a46d757465a6736f75726365a36d6963a46172677381a16101",
    )


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("kind", "gossip", "unknown kind 'gossip'"),
        ("state", "asleep", "must be one of"),
        ("pid", "42", "must be int"),
        ("sources", [], "must be dict"),
        ("faults", ["full"], "must be dict"),
    ],
)
def test_what_is_no_report(field: str, value: object, complaint: str) -> None:
    """Says which field and why."""
    assert complaint in refuses(unpack_from_stage, REPORT.pack(), field, value)


@given(st.binary(max_size=200))
def test_arbitrary_bytes(data: bytes) -> None:
    """Never anything but a WireError."""
    only_wire_errors(unpack_from_stage, data)
    only_wire_errors(Order.unpack, data)


LEDGER = {"captured": 1, "delivered": 1, "pending": 0, "dropped": {}, "muted": 0, "gaps": {}}


@pytest.mark.parametrize(
    "part",
    [
        3,
        {"state": 3},
        {"upstream": {}},
        {"upstream": {"state": None}},
        {"latency_ms": []},
        {"denoise": "off"},
        {"ledger": {}},
        {"ledger": LEDGER | {"captured": "1"}},
        {"ledger": LEDGER | {"dropped": {"expired": 0.5}}},
        {"ledger": {key: value for key, value in LEDGER.items() if key != "gaps"}},
    ],
)
def test_what_supervise_goes_by_is_as_it_must_be(part: object) -> None:
    """A part of the status that lacks a count, or has another type, is no report."""
    report = Report("capture", 7, StageState.READY, {"mic": {"ledger": LEDGER}})
    assert unpack_from_stage(report.pack()) == report
    with pytest.raises(WireError):
        unpack_from_stage(pack({**unpack(report.pack()), "sources": {"mic": part}}))
