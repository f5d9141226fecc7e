"""Core: what systemd is told, and when; the datagrams are `notify`'s."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from heard.supervise.headline import describe, describe_states
from heard.supervise.notify import Notifier
from heard.supervise.progress import Progress
from heard.wire.report import Report
from heard.wire.status import Status

log = logging.getLogger(__name__)

STATUS_S = 5.0
"""How often the status line is refreshed while no state changes: each goes over the bus to all who listen."""


class Service:
    """Tells systemd READY, STATUS, RELOADING and STOPPING, and feeds its watchdog while audio gets on."""

    def __init__(self, notifier: Notifier, progress: Progress) -> None:
        self._notifier = notifier
        self._progress = progress
        self._states = ""
        self._line_due = 0.0
        self._stuck = ""

    def reported(self, process: str, now: float) -> None:
        """Note that a report of `process` came in at `now` (monotonic seconds)."""
        self._progress.reported(process, now)

    def tell(self, status: Status, reports: Mapping[str, Report], now: float) -> None:
        """Say what is new. Called about once a second, and whenever the state changes."""
        if status["state"] == "draining":
            self._notifier.feed()
            return
        states = describe_states(status)
        if status["state"] == "starting":
            self._notifier.tell(STATUS=states)
        elif states != self._states or now >= self._line_due:
            self._states, self._line_due = states, now + STATUS_S
            self._notifier.tell(READY="1", STATUS=describe(status))
        processes = {name: process["state"] for name, process in status["processes"].items()}
        stuck = "; ".join(self._progress.stuck(processes, status["sources"], reports, now))
        if not stuck:
            self._notifier.feed()
            if self._stuck:
                log.info("audio gets on again")
        elif not self._stuck:
            log.error("audio does not get on: %s", stuck)
            if (limit_s := self._notifier.watchdog_s) is not None:
                log.error("systemd's watchdog ends the service unless that changes within %g s", limit_s)
        self._stuck = stuck

    def reloading(self) -> None:
        """Say that the configuration is being read again; `reloaded` ends it."""
        self._notifier.reloading()

    def reloaded(self) -> None:
        """Say that the configuration, new or old, is in force."""
        self._notifier.tell(READY="1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._notifier.tell(STOPPING="1", STATUS="stopping: the last words are waited for")
