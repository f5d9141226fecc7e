"""A stage's shell: orders, reports, and the ways in which it ends."""

from __future__ import annotations

import os
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from heard.pipes import Pipes
from heard.settings import Denoise, Settings, Source
from heard.stage import RUN_FILE, RunFile
from heard.wire.codec import Body
from heard.wire.control import Code
from heard.wire.report import Answer, Order, Report, StageState, unpack_from_stage

from ..support.processes import Child, started
from ..system.running import folder

WAIT_S = 30.0


class Supervise:
    """The far end of a stage's reports, and its lifeline."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pipes = Pipes(path)
        self.router = self.pipes.reports_router()
        self.report: Report | None = None
        """The newest one that came before an answer."""

    def next(self) -> Report | Answer:
        """Return what the stage sends next."""
        assert self.router.poll(int(WAIT_S * 1000)), "the stage says nothing"
        name, data = self.router.recv_multipart()
        assert name == b"denoise"
        return unpack_from_stage(data)

    def answer(self, order: Order) -> Answer:
        """Give an order and return the answer."""
        self.router.send_multipart([b"denoise", order.pack()])
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            message = self.next()
            if isinstance(message, Answer):
                return message
            self.report = message
        raise TimeoutError(order.op)


@pytest.fixture(name="stage")
def _stage() -> Iterator[tuple[Child, Supervise, int]]:
    """Yield a running stage, its supervisor's end, and the descriptor that keeps it alive."""
    with folder() as path:
        RunFile("run1", Settings(runtime_dir=str(path)), frozenset()).write(path)
        supervise = Supervise(path)
        lifeline, held = os.pipe()
        argv = [sys.executable, "-m", "tests.support.echo_stage", str(path), str(lifeline)]
        with started(argv, limit_s=110, pass_fds=(lifeline,)) as child:
            os.close(lifeline)
            assert isinstance(supervise.next(), Report)
            yield child, supervise, held
        os.close(held)
        supervise.pipes.close()


def test_it_reports_what_the_role_says(stage: tuple[Child, Supervise, int]) -> None:
    """State, parts of sources, own figures and counters."""
    _, supervise, _ = stage
    report = supervise.next()
    assert isinstance(report, Report)
    assert report.state is StageState.READY
    assert (report.sources, report.own, report.counters) == (
        {"mic": {"turns": 3}},
        {"published": 4},
        {"bad": 5},
    )


def test_each_order_gets_its_answer(stage: tuple[Child, Supervise, int]) -> None:
    """Results, refusals and bugs all come back; the stage goes on."""
    _, supervise, _ = stage
    args: Body = {"key": "x"}
    assert supervise.answer(Order(1, "echo", "mic", args)) == Answer(1, {"source": "mic", "key": "x"})
    refused = supervise.answer(Order(2, "refuse"))
    assert (refused.number, refused.code, refused.message) == (2, Code.BAD_VALUE, "never")
    assert supervise.answer(Order(3, "break")).code is Code.INTERNAL
    assert supervise.answer(Order(4, "echo")).number == 4


def test_a_reload_is_read_from_the_file_and_told_to_the_role(stage: tuple[Child, Supervise, int]) -> None:
    """The settings are there before the role hears of it; the log's level is another at once."""
    child, supervise, _ = stage
    assert supervise.answer(Order(1, "level")).result == {"configured": "info", "reloads": 0}
    path = supervise.path
    RunFile("run1", Settings(runtime_dir=str(path), log_level="error"), frozenset()).write(path)
    assert supervise.answer(Order(2, "reload")) == Answer(2)
    assert supervise.answer(Order(3, "level")).result == {"configured": "error", "reloads": 1}
    (path / RUN_FILE).unlink()
    assert supervise.answer(Order(4, "reload")).code is Code.INTERNAL
    assert supervise.answer(Order(5, "level")).result == {"configured": "error", "reloads": 1}
    assert "order reload failed" in child.complained()


def test_a_fault_is_reported_until_it_is_over(stage: tuple[Child, Supervise, int]) -> None:
    """With the time at which it began, whatever is said of it later."""
    _, supervise, _ = stage
    since = []
    for number, detail in enumerate(("full", "still full"), 1):
        args: Body = {"detail": detail}
        supervise.answer(Order(number, "fault", args=args))
        assert supervise.report is not None
        (fault,) = supervise.report.faults
        assert (fault["what"], fault["detail"]) == ("disk", detail)
        since.append(fault["since"])
    assert since[0] == since[1]
    supervise.answer(Order(3, "fault"))
    assert supervise.report is not None
    assert supervise.report.faults == []


def test_stop_drains_and_the_last_report_says_so(stage: tuple[Child, Supervise, int]) -> None:
    """An orderly end with status 0."""
    child, supervise, _ = stage
    assert supervise.answer(Order(1, "stop")) == Answer(1)
    assert child.wait(WAIT_S) == 0
    states: list[StageState] = []
    while StageState.STOPPING not in states or supervise.router.poll(100):
        message = supervise.next()
        if isinstance(message, Report):
            states.append(message.state)
    assert states[-1] is StageState.STOPPING


def test_an_orphan_leaves(stage: tuple[Child, Supervise, int]) -> None:
    """The end of file on the lifeline, which is all that a killed parent leaves, ends it."""
    child, _, held = stage
    # Replaced rather than closed, so that the fixture can close it as ever.
    other = os.open(os.devnull, os.O_WRONLY)
    os.dup2(other, held)
    os.close(other)
    assert child.wait(WAIT_S) == 0


def test_ctrl_c_is_for_supervise_alone(stage: tuple[Child, Supervise, int]) -> None:
    """SIGINT changes nothing, SIGTERM ends the stage."""
    child, supervise, _ = stage
    child.signal(signal.SIGINT)
    assert supervise.answer(Order(1, "echo")).number == 1
    child.signal(signal.SIGTERM)
    assert child.wait(WAIT_S) == 0


def test_the_run_file_is_private_and_whole() -> None:
    """What supervise leaves for its children reads back the same, and only the owner can read it."""
    with folder() as path:
        settings = Settings(source=(Source(name="a", denoise=Denoise(mix=0.5)), Source(name="b")))
        written = RunFile("r", settings, frozenset({"b"}))
        written.write(path)
        assert RunFile.read(path) == written
        assert stat.S_IMODE((path / RUN_FILE).stat().st_mode) == 0o600


def test_frames_from_nobody_are_ignored(stage: tuple[Child, Supervise, int]) -> None:
    """An unreadable order is logged and the stage goes on."""
    child, supervise, _ = stage
    supervise.router.send_multipart([b"denoise", b"\xc1"], zmq.NOBLOCK)
    assert supervise.answer(Order(1, "echo")).number == 1
    assert "unreadable order" in child.complained()
