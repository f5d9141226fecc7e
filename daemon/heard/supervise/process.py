"""The shell of `heard run`: one loop over reports, control requests, children and signals."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import cast

import zmq

from heard import dumps, logs
from heard.pipes import EVENTS, Pipes, Process
from heard.settings import Settings
from heard.supervise import places
from heard.supervise.activation import control_listener
from heard.supervise.children import CONFIGURATION_EXIT, Children, Running, usage
from heard.supervise.control import Control, Outbox
from heard.supervise.door import Door
from heard.supervise.headline import describe_states
from heard.supervise.inforce import InForce, Read, Wanted
from heard.supervise.notify import Notifier
from heard.supervise.ops import Prepared
from heard.supervise.overview import Overview
from heard.supervise.policy import State
from heard.supervise.progress import Progress
from heard.supervise.service import Service
from heard.supervise.table import VARIABLE, children
from heard.wire.codec import Body, WireError
from heard.wire.control import ControlError
from heard.wire.events import Event
from heard.wire.report import Order, Report, StageState, unpack_from_stage
from heard.wire.status import ProcessStatus, Status
from heard.wire.topics import Topic

log = logging.getLogger(__name__)

TICK_MS = 50
STATUS_S = 1.0
LAST_RUN = "last-run.json"


def run(settings: Settings, read: Read | None = None) -> int:
    """Run the daemon until it is told to stop; return the exit status.

    `read` reads the configuration again, for a reload; None where there is none.

    Raises:
        EndpointTakenError: another daemon has the runtime directory or a socket.
        ActivationError: systemd handed over another socket than the control socket.
        KeysUnusableError: a key or the allow-list of a tcp:// endpoint cannot be used.
        OSError: a directory cannot be made, or is not private.
    """
    logs.set_up("supervise", settings.log_level, settings.log_format)
    os.umask(0o077)
    if VARIABLE in os.environ:
        # The key is in this process too, then.
        dumps.forbid()
    places.take(settings)
    listener = control_listener(Path(settings.control.endpoint.partition("://")[2]), os.environ)
    return Supervisor(settings, read, listener).run()


class Supervisor:
    """The main process: owns the children, the control socket and the status.

    `listener` is the control socket where systemd made it.
    """

    def __init__(self, settings: Settings, read: Read | None, listener: int | None = None) -> None:
        self._began = time.monotonic()
        run_id = uuid.uuid4().hex[:12]
        self._in_force = InForce(run_id, settings, read)
        self._overview = Overview(settings, run_id)
        self._control = Control(
            settings,
            run_id,
            status=lambda: cast("Body", self._status()),
            up=lambda process: self._children.running[process].life.up,
            changed=self._in_force.keep,
            reload=self._reload,
        )
        self._pipes = Pipes(Path(settings.runtime_dir))
        self._reports = self._pipes.reports_router()
        self._poller = zmq.Poller()
        self._poller.register(self._reports, zmq.POLLIN)
        self._door = Door(settings, self._pipes, self._poller, listener=listener)
        self._events = self._pipes.push(EVENTS)
        self._children = Children(children(settings), settings)
        local, stall_s = settings.upstream.service == "local", settings.capture.stall_ms / 1000
        self._service = Service(Notifier(), Progress(local, stall_s))
        self._signals = 0
        self._hung_up = False
        # Under nohup the end of the terminal is nobody's business.
        self._terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()
        self._status_due = 0.0
        self._told_state = ""
        self._told_faults: dict[tuple[str, str], str] = {}
        self._exit_status = 0

    def run(self) -> int:
        """Serve until stopped, then drain; return the exit status."""
        handled = {
            signal.SIGTERM: self._signal,
            signal.SIGINT: self._signal,
            signal.SIGHUP: self._hang_up,
        }
        before = {number: signal.signal(number, handler) for number, handler in handled.items()}
        try:
            while not self._stop_wanted():
                self._turn()
            # A start that failed for good has nothing to drain.
            if not self._exit_status:
                self._drain()
        finally:
            self._children.close()
            # Who would read these is gone; a client's last reply is still waited for.
            self._events.linger = self._reports.linger = 0
            self._pipes.close()
            for number, handler in before.items():
                signal.signal(number, handler)
        return self._exit_status

    def _signal(self, _number: int, _frame: object) -> None:
        self._signals += 1

    def _hang_up(self, _number: int, _frame: object) -> None:
        self._hung_up = True

    def _stop_wanted(self) -> bool:
        return bool(self._signals or self._exit_status or self._control.stop_requested or self._done())

    def _done(self) -> bool:
        if not self._in_force.settings.exit_when_done or not self._overview.was_ready:
            return False
        return self._overview.done(self._status())

    def _turn(self) -> None:
        """One turn of the loop: what came in, then what is due."""
        ready = dict(self._poller.poll(TICK_MS))
        if self._reports in ready:
            self._read_reports()
        if self._door.socket in ready:
            self._read_requests()
        if self._hung_up:
            self._take_hang_up()
        now = time.monotonic()
        for running in self._children.running.values():
            self._watch_output(running, ready, now)
        for running in self._children.reap(now):
            self._gone(running)
        self._look_after(now)
        self._send(self._control.expire(now))
        self._door.tick(now, waiting=self._control.is_waiting)
        self._tell(now)

    def _look_after(self, now: float) -> None:
        """Start what is due, and end what never got ready."""
        for name, running in self._children.running.items():
            if running.life.start_due(now):
                self._children.start(name, now)
                if running.output is not None:
                    self._poller.register(running.output.fileno(), zmq.POLLIN)
            elif running.life.overdue(now):
                log.error("%s did not get ready: ending it", name)
                self._children.kill(running)

    def _watch_output(self, running: Running, ready: dict[object, int], now: float) -> None:
        """Look for the line by which a child that does not report says that it is ready."""
        output = running.output
        if output is None or output.fileno() not in ready:
            return
        text = os.read(output.fileno(), 65536).decode(errors="replace")
        if not text:
            self._poller.unregister(output.fileno())
            output.close()
            running.output = None
        elif text.startswith(running.child.ready_line):
            running.life.reported_ready(now)

    def _read_reports(self) -> None:
        while True:
            try:
                frames = self._reports.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message = unpack_from_stage(frames[-1])
            except WireError as error:
                log.error("%s sent no report: %s", frames[0].decode(errors="replace"), error)
                continue
            if not isinstance(message, Report):
                self._send(self._control.answered(message))
                continue
            running = self._children.running.get(message.process)  # type: ignore[call-overload]
            if running is None or message.pid != running.last_pid:
                continue  # the last words of a process that was replaced
            if message.state is StageState.READY and running.life.state is State.STARTING:
                running.life.reported_ready(time.monotonic())
                for process, order in self._in_force.orders_for(message.process):
                    self._order(process, order)
            self._service.reported(message.process, time.monotonic())
            if (bug := self._overview.take(message)) is not None:
                log.error("bug: the ledger does not add up: %s", bug)

    def _read_requests(self) -> None:
        while True:
            try:
                frames = self._door.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._send(self._control.take(frames, time.monotonic()))

    def _send(self, outbox: Outbox) -> None:
        for frames in outbox.replies:
            # A client that has gone is dropped by the ROUTER, which is all that can be done for it.
            self._door.socket.send_multipart(frames, zmq.NOBLOCK)
        for process, order in outbox.orders:
            self._order(process, order)

    def _order(self, process: Process, order: Order) -> None:
        self._reports.send_multipart([process.encode(), order.pack()], zmq.NOBLOCK)

    def _reload(self) -> Prepared:
        """Read the configuration again.

        Raises:
            ControlError: it has errors; nothing has changed.
        """
        self._service.reloading()
        try:
            wanted = self._in_force.read_again()
        except ControlError:
            self._service.reloaded()
            raise
        return Prepared(wanted.denoise, lambda: self._put_in_force(wanted), self._service.reloaded)

    def _put_in_force(self, wanted: Wanted) -> Body:
        """Put a configuration in force; return what the client is told."""
        try:
            left = self._in_force.put(wanted)
        finally:
            self._service.reloaded()
        self._door.reload(time.monotonic())
        self._overview.settings = self._in_force.settings
        logs.set_level(self._in_force.settings.log_level)
        return {"restart_needed": left} if left else {}

    def _take_hang_up(self) -> None:
        """SIGHUP is an order to reload, or the end of the terminal that heard was started on."""
        self._hung_up = False
        if self._terminal and not _has_terminal():
            self._signals += 1
            return
        # What is wrong with the configuration is in the log.
        with suppress(ControlError):
            self._send(self._control.reload(time.monotonic()))

    def _gone(self, running: Running) -> None:
        name, status, state = running.child.name, running.exit_status, running.life.state
        self._overview.forget(name)
        how = f"killed by signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        if status == CONFIGURATION_EXIT and not self._overview.was_ready:
            # Its own line says what is wrong; trying again would only repeat it.
            self._exit_status = CONFIGURATION_EXIT
        elif state is State.FAILED:
            log.error("%s ended too often before it was ready (%s): given up on", name, how)
            if not self._overview.was_ready:
                self._exit_status = 1
        elif state is State.BACKING_OFF:
            log.warning("%s ended (%s): starting it again", name, how)

    def _processes(self) -> dict[str, ProcessStatus]:
        rss_bytes, cpu_s = usage(os.getpid())
        own: ProcessStatus = {
            "pid": os.getpid(),
            "state": "stopping" if self._overview.draining else "ready",
            "restarts": 0,
            "rss_bytes": rss_bytes,
            "cpu_s": cpu_s,
            "counters": {
                "refused_requests": self._control.refused,
                "refused_connections": self._door.refused(),
            },
        }
        processes = {"supervise": own}
        for name, running in self._children.running.items():
            rss_bytes, cpu_s = running.usage()
            report = self._overview.reports.get(name)
            processes[name] = {
                "pid": running.pid,
                "state": str(running.life.state),
                "restarts": running.life.restarts,
                "rss_bytes": rss_bytes,
                "cpu_s": cpu_s,
                "counters": dict(report.counters) if report else {},
            }
        return processes

    def _status(self) -> Status:
        return self._overview.status(self._processes(), time.monotonic() - self._began)

    def _tell(self, now: float) -> None:
        """Publish the status once a second and whenever the state changes; tell systemd."""
        self._tell_faults()
        states = [str(each.life.state) for each in self._children.running.values()]
        if now < self._status_due and self._overview.state(states) == self._told_state:
            return
        status = self._status()
        self._status_due = now + STATUS_S
        if status["state"] != self._told_state:
            self._told_state = status["state"]
            log.info("%s", describe_states(status))
        self._service.tell(status, self._overview.reports, now)
        self._publish(Topic.STATUS, cast("Body", status))
        if "metrics" in self._children.running:
            self._order("metrics", Order(0, "status", args=cast("Body", status)))

    def _tell_faults(self) -> None:
        """Publish each fault once when it begins, changes or is over."""
        now = {(fault["process"], fault["what"]): fault["detail"] for fault in self._overview.faults()}
        for (process, what), detail in now.items():
            if self._told_faults.get((process, what)) != detail:
                self._publish(Topic.FAULT, fault_body(process, what, "began", detail))
        for (process, what), detail in self._told_faults.items():
            if (process, what) not in now:
                self._publish(Topic.FAULT, fault_body(process, what, "over", detail))
        self._told_faults = now

    def _publish(self, topic: Topic, body: Body) -> None:
        try:
            self._events.send(Event(topic, "", body).pack(), zmq.NOBLOCK)
        except zmq.Again:
            log.debug("publish does not read: %s not published", topic)

    def _drain(self) -> None:
        """Stop from the source down; a second signal ends everything at once."""
        signals = self._signals
        self._overview.draining = True
        self._service.stopping()
        self._status_due = 0.0
        if not self._children.end(
            self._before_end, self._ask_to_stop, self._turn, hurried=lambda: self._signals > signals + 1
        ):
            log.warning("ended at once: audio that was not settled is lost")
            self._exit_status = self._exit_status or 1

    def _before_end(self, name: Process) -> None:
        if name == "publish":
            self._turn()
            self._write_last_run()

    def _ask_to_stop(self, name: Process) -> None:
        self._order(name, Order(0, "stop"))

    def _write_last_run(self) -> None:
        status = self._status()
        self._publish(Topic.STATUS, cast("Body", status))
        path = Path(self._in_force.settings.state_dir) / LAST_RUN
        try:
            path.write_text(json.dumps(status, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            log.error("%s: cannot be written: %s", path, error.strerror)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def fault_body(process: str, what: str, event: str, detail: str) -> Body:
    """Return the body of the topic `fault` (docs/wire.md)."""
    return {"process": process, "what": what, "event": event, "detail": detail}
