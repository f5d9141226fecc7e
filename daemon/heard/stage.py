"""What every stage's process shares: settings, pipes, orders, reports, the loop and its end.

A stage's own work is a `Role`; its `process` module makes one and hands it to `Stage.run`.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import zmq

from heard import logs
from heard.pipes import Pipes
from heard.settings import Settings, from_json, to_json
from heard.wire.codec import Body, WireError, pack, take, unpack
from heard.wire.control import Code, ControlError
from heard.wire.report import Answer, Order, Report, StageState

log = logging.getLogger(__name__)

REPORT_S = 0.25
RUN_FILE = "run.msgpack"
"""Below the runtime directory, mode 0600: a `RunFile`, written by supervise."""


@dataclass(frozen=True, slots=True)
class Options:
    """What supervise tells a child on its command line."""

    runtime_dir: Path
    lifeline: int | None
    """Descriptor that reads end of file once supervise is gone; None where a stage runs alone."""


class Role(Protocol):
    """A stage's own work, called from one thread."""

    def tick(self, now: float) -> None:
        """Do what is due at `now` (monotonic seconds); called at least every `tick_s`."""

    def order(self, order: Order) -> Body | None:
        """Carry out an order and return its result; None where it takes its time (see `Stage.answer`).

        Raises:
            ControlError: it cannot be done.
        """

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the status parts: by source, own, counters."""

    def stop(self) -> None:
        """Begin to drain; called once."""

    def drained(self) -> bool:
        """Whether nothing is left to do after `stop`."""


@runtime_checkable
class Reloads(Protocol):
    """A role that acts when the settings have changed; to the others `Stage.settings` is enough."""

    def reload(self) -> None:
        """Take over `Stage.settings`."""


class Stage:
    """One child process: reads its settings, runs a role, reports, ends."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._runtime_dir = options.runtime_dir
        run_file = RunFile.read(options.runtime_dir)
        self.run_id = run_file.run
        self.settings: Settings = run_file.settings
        self.muted = run_file.muted
        """Names of the sources that were muted when this process started."""
        logs.set_up(name, self.settings.log_level, self.settings.log_format)
        os.umask(0o077)
        self.pipes = Pipes(options.runtime_dir)
        self._reports = self.pipes.reports_dealer(name)
        self._lifeline = options.lifeline
        self._poller = zmq.Poller()
        self._handlers: dict[int | zmq.Socket[bytes], Callable[[], None]] = {}
        self._state = StageState.STARTING
        self._ending = False
        self._report_due = 0.0
        self._faults: dict[str, tuple[str, float]] = {}
        # Ctrl-C reaches the whole terminal group; supervise alone decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)
        self.on(self._reports, lambda: None)
        if self._lifeline is not None:
            self.on(self._lifeline, self._orphaned)

    def on(self, source: int | zmq.Socket[bytes], handler: Callable[[], None]) -> None:
        """Call `handler` whenever `source` (a socket or descriptor) can be read."""
        self._poller.register(source, zmq.POLLIN)
        self._handlers[source] = handler

    def pause(self, source: zmq.Socket[bytes]) -> None:
        """Leave `source` unread until `resume`: what is in it waits at its sender."""
        if source in self._handlers:
            self._poller.modify(source, 0)

    def resume(self, source: zmq.Socket[bytes]) -> None:
        """Read `source` again."""
        if source in self._handlers:
            self._poller.modify(source, zmq.POLLIN)

    def ready(self) -> None:
        """Say that this stage does its work; collected garbage of start-up is frozen."""
        # A full collection of a large heap would stall the stage in the middle of its work.
        gc.collect()
        gc.freeze()
        self._state = StageState.READY
        self._report_due = 0.0

    def changed(self) -> None:
        """Report at the next turn of the loop: something in the status changed."""
        self._report_due = 0.0

    def answer(self, answer: Answer) -> None:
        """Send the answer to an order for which the role returned None."""
        self._send(answer.pack())

    def fault(self, what: str, detail: str | None) -> None:
        """Say what is wrong with `what`, something in the world that this stage works around.

        None: nothing any more. It stands in the status, and is published when it changes.
        """
        known = self._faults.get(what)
        if detail is None:
            if known is None:
                return
            del self._faults[what]
        else:
            if known is not None and known[0] == detail:
                return
            self._faults[what] = (detail, known[1] if known else time.time())
        self._report_due = 0.0

    def run(self, role: Role, tick_s: float) -> int:
        """Run `role` until it is stopped and drained, or supervise is gone; return the exit status."""
        stopping = False
        try:
            while not self._ending:
                for source, _ in self._poller.poll(max(1, int(tick_s * 1000))):
                    if source is self._reports:
                        stopping = self._take_orders(role) or stopping
                    else:
                        self._handlers[source]()
                role.tick(time.monotonic())
                if stopping and self._state is not StageState.STOPPING:
                    self._state = StageState.STOPPING
                    self._report_due = 0.0
                    role.stop()
                self._report(role)
                if stopping and role.drained():
                    break
            self._report_due = 0.0
            self._report(role)
        finally:
            self.pipes.close()
        return 0

    def _take_orders(self, role: Role) -> bool:
        """Carry out what supervise ordered; return whether one was to stop."""
        stop = False
        while True:
            try:
                data = self._reports.recv(zmq.NOBLOCK)
            except zmq.Again:
                return stop
            try:
                order = Order.unpack(data)
            except WireError as error:
                log.error("unreadable order: %s", error)
                continue
            if order.op == "stop":
                stop = True
                answer = Answer(order.number)
            else:
                outcome = self._carry_out(role, order)
                if outcome is None:
                    continue
                answer = outcome
            # Who reads the status after the answer finds in it what the order did.
            self._report_due = 0.0
            self._report(role)
            self._send(answer.pack())

    def _carry_out(self, role: Role, order: Order) -> Answer | None:
        try:
            if order.op == "reload":
                self._reload(role)
                return Answer(order.number)
            result = role.order(order)
            return None if result is None else Answer(order.number, result)
        except ControlError as error:
            return Answer(order.number, code=error.code, message=error.message)
        except Exception:
            # One bad order must not end a stage; the client is told, the log has the trace.
            log.exception("order %s failed", order.op)
            return Answer(order.number, code=Code.INTERNAL, message=f"{order.op} failed; see the log")

    def _reload(self, role: Role) -> None:
        """Take over the settings that supervise has written."""
        self.settings = RunFile.read(self._runtime_dir).settings
        logs.set_level(self.settings.log_level)
        if isinstance(role, Reloads):
            role.reload()

    def _report(self, role: Role) -> None:
        now = time.monotonic()
        if now < self._report_due:
            return
        self._report_due = now + REPORT_S
        sources, own, counters = role.report()
        faults: list[Body] = [
            {"what": what, "detail": detail, "since": since} for what, (detail, since) in self._faults.items()
        ]
        self._send(Report(self.name, os.getpid(), self._state, sources, own, counters, faults).pack())

    def _send(self, message: bytes) -> None:
        try:
            self._reports.send(message, zmq.NOBLOCK)
        except zmq.Again:
            # Full only when supervise has not read for minutes; the next report says it all again.
            log.warning("supervise does not read reports")

    def _terminate(self, _number: int, _frame: object) -> None:
        self._ending = True

    def _orphaned(self) -> None:
        log.error("supervise is gone: ending")
        self._ending = True


@dataclass(frozen=True, slots=True)
class RunFile:
    """What supervise leaves for its children, whenever they start."""

    run: str
    settings: Settings
    """As configured, with what `set` changed since."""
    muted: frozenset[str]

    def write(self, runtime_dir: Path) -> None:
        """Replace the file below `runtime_dir` in one step."""
        body = {"run": self.run, "settings": to_json(self.settings), "muted": sorted(self.muted)}
        fresh = runtime_dir / f"{RUN_FILE}.new"
        fresh.touch(mode=0o600)
        fresh.write_bytes(pack(body))
        fresh.replace(runtime_dir / RUN_FILE)

    @classmethod
    def read(cls, runtime_dir: Path) -> RunFile:
        """Return what `write` wrote."""
        body = unpack((runtime_dir / RUN_FILE).read_bytes())
        names = [str(name) for name in take(body, "muted", list)]
        return cls(take(body, "run", str), from_json(take(body, "settings", str)), frozenset(names))
