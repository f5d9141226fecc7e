"""Starts, watches and ends the child processes: fresh interpreters, each in a session of its own."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from heard.pipes import Process
from heard.settings import Settings
from heard.supervise.policy import Life
from heard.supervise.table import Child, command, environment

log = logging.getLogger(__name__)

CONFIGURATION_EXIT = 2
"""Exit status with which a child says that trying again is of no use (docs/wire.md)."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
STAT_BYTES = 4096
LEAST_S = 0.1


@dataclass(slots=True)
class Running:
    """One child: its line in the table, its life, and the process while there is one."""

    child: Child
    life: Life = field(default_factory=Life)
    process: subprocess.Popen[bytes] | None = None
    last_pid: int | None = None
    """Of the process that runs or ran last: its last report may be read after its end."""
    output: IO[bytes] | None = None
    """Its standard output, where the child says there that it is ready; closed by who reads it."""
    exit_status: int | None = None
    """Of the last process, None before its end; negative for a signal."""
    stat: int | None = None
    """Its /proc/PID/stat, opened at once: where /proc hides processes that may not be traced (hidepid,
    systemd's ProtectProc), one that has forbidden its dump could not be opened any more."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self.process is None else self.process.pid

    def forget_stat(self) -> None:
        """Close what is of a process that has ended."""
        if self.stat is not None:
            os.close(self.stat)
            self.stat = None

    def usage(self) -> tuple[int, float]:
        """Return the resident bytes and the CPU seconds of the process; zeros while there is none."""
        if self.stat is None:
            return 0, 0.0
        try:
            return _usage(os.pread(self.stat, STAT_BYTES, 0).decode("ascii", "replace"))
        except OSError:
            # It has ended, and is still to be reaped.
            return 0, 0.0


class Children:
    """All the children. A pipe whose far end every child watches is the proof that we live."""

    def __init__(self, table: tuple[Child, ...], settings: Settings) -> None:
        self._settings = settings
        self.running = {child.name: Running(child) for child in table}
        # Children see end of file on `_lifeline` the moment this process is gone, however it went.
        self._lifeline, self._held = os.pipe()

    def start(self, name: str, now: float) -> None:
        """Start the process called `name`."""
        running = self.running[name]  # type: ignore[index]  # a Process name from the table
        child = running.child
        running.process = subprocess.Popen(
            command(child, self._settings, self._lifeline),
            stdin=None if child.takes_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if child.ready_line else subprocess.DEVNULL,
            env=environment(child, os.environ),
            pass_fds=(self._lifeline,),
            start_new_session=True,
        )
        if not child.realtime:
            # A service may be allowed real time (LimitRTPRIO=) for the sake of capture alone.
            resource.prlimit(running.process.pid, resource.RLIMIT_RTPRIO, (0, 0))
        running.last_pid, running.output = running.process.pid, running.process.stdout
        with suppress(OSError):
            running.stat = os.open(f"/proc/{running.process.pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        running.life.started(now)
        log.debug("%s started, process %d", name, running.process.pid)

    def reap(self, now: float) -> list[Running]:
        """Return those that exited since the last call."""
        gone = []
        for running in self.running.values():
            process = running.process
            if process is None or (status := process.poll()) is None:
                continue
            running.process, running.exit_status = None, status
            running.forget_stat()
            running.life.exited(now, killed=status == -signal.SIGKILL)
            gone.append(running)
        return gone

    def kill(self, running: Running) -> None:
        """End a process at once."""
        if running.process is not None:
            running.process.kill()

    def terminate(self, running: Running) -> None:
        """Ask a process to end by SIGTERM."""
        if running.process is not None:
            running.process.send_signal(signal.SIGTERM)

    def end(
        self,
        before: Callable[[Process], None],
        ask: Callable[[Process], None],
        turn: Callable[[], None],
        *,
        hurried: Callable[[], bool],
    ) -> bool:
        """End them one after the other, in the order of the table, each in the time that it has there.

        before   is called when it is a child's turn, whether it runs or not
        ask      tells one that reports to end
        turn     does what is to go on meanwhile, reaping among it; called again and again
        hurried  whether nothing is to be waited for any more: then some may still run, and False is returned
        """
        began = time.monotonic()
        for name, running in self.running.items():
            before(name)
            was_up = running.life.up
            running.life.stop()
            if running.process is None:
                continue
            if not was_up:
                # It holds nothing yet, and does not listen for orders while it imports.
                self.kill(running)
            elif running.child.reports:
                ask(name)
            else:
                self.terminate(running)
            # One that was asked late, since another hung, is given a moment all the same.
            deadline = max(began + running.child.ended_s, time.monotonic() + LEAST_S)
            while running.process is not None and time.monotonic() < deadline:
                if hurried():
                    return False
                turn()
            if running.process is not None:
                log.error("%s has not ended %.1f s after the stop: killed", name, time.monotonic() - began)
                self.kill(running)
        return True

    def close(self) -> None:
        """End what still runs and wait for it."""
        for running in self.running.values():
            if running.process is not None:
                running.process.kill()
                running.process.wait(5)
            running.forget_stat()
        os.close(self._held)
        os.close(self._lifeline)


def usage(pid: int | None) -> tuple[int, float]:
    """Return the resident bytes and the CPU seconds of a process; zeros for one that is gone.

    From /proc/PID/stat: fields utime, stime and rss (proc(5)).
    """
    if pid is None:
        return 0, 0.0
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0, 0.0
    return _usage(text)


def _usage(text: str) -> tuple[int, float]:
    # The command's name may hold spaces and parentheses; the fields begin behind the last one.
    fields = text.rpartition(")")[2].split()
    utime, stime, rss = int(fields[11]), int(fields[12]), int(fields[21])
    return rss * _PAGE_BYTES, round((utime + stime) / _TICKS, 2)
