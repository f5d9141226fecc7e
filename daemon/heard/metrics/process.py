"""The shell of the process: takes the status that supervise hands it once a second, and serves it.

Nothing of the daemon waits for it; where it does not read, what it is handed is dropped.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
from collections import Counter
from pathlib import Path

from heard.metrics.endpoint import UnixSocket, read
from heard.metrics.exposition import encoded
from heard.metrics.families import families
from heard.metrics.server import Server, UnavailableError
from heard.pipes import EndpointTakenError, claim
from heard.stage import Options, Stage
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError
from heard.wire.report import Order

log = logging.getLogger(__name__)

TICK_S = 0.25
RETRY_S = 2.0
FIRST_S = 2.0
"""How long a scrape waits for the first status of a process that has just been started."""
STALE_S = 5.0
"""A status that is older says nothing of now: supervise hangs."""


class Metrics:
    """The role: listens, and counts what was asked."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._endpoint = stage.settings.metrics.endpoint
        self._server: Server | None = None
        self._claimed = self._is_ready = False
        self._due = 0.0
        self._counters = Counter(scrapes=0, failed_scrapes=0)
        self._status: Body | None = None
        self._status_at = 0.0
        self._told = threading.Event()
        self._one_at_a_time = threading.Lock()

    def tick(self, now: float) -> None:
        """Listen, again and again where that is not possible yet."""
        if self._server is not None or now < self._due:
            return
        self._due = now + RETRY_S
        try:
            self._server = self._listening()
        except (OSError, EndpointTakenError) as error:
            self._stage.fault("metrics", f"{self._endpoint}: {getattr(error, 'strerror', None) or error}")
        else:
            self._stage.fault("metrics", None)
            log.info("serving metrics at %s", self._endpoint)
        if not self._is_ready:
            # Without its port it is up all the same: the rest of the daemon needs none of it.
            self._is_ready = True
            self._stage.ready()

    def order(self, order: Order) -> Body | None:
        """Take in the status.

        Raises:
            ControlError: it is another order.
        """
        if order.op != "status":
            raise ControlError(Code.UNKNOWN_OP, f"metrics knows no {order.op}")
        with self._one_at_a_time:
            self._status, self._status_at = order.args, time.monotonic()
        self._told.set()
        return {}

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the counters."""
        return {}, {}, dict(self._counters)

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._due = float("inf")

    def drained(self) -> bool:
        """Nothing is held."""
        return True

    def _listening(self) -> Server:
        where = read(self._endpoint)
        if isinstance(where, UnixSocket) and not self._claimed:
            claim(where.path)
            self._claimed = True
        return Server(where, self._answer)

    def _answer(self, accept: str) -> tuple[bytes, str]:
        """Return the figures of this moment.

        Raises:
            UnavailableError: there are none yet, or none of late.
        """
        self._told.wait(FIRST_S)
        with self._one_at_a_time:
            self._counters["scrapes"] += 1
            age_s = time.monotonic() - self._status_at
            if self._status is None or age_s > STALE_S:
                self._counters["failed_scrapes"] += 1
                old = "" if self._status is None else f" for {age_s:.0f} s"
                raise UnavailableError(f"the daemon has not said how it is{old}")
            return encoded(families(self._status), accept)


def main() -> int:
    """Run the process; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="heard.metrics", description="Serve figures for Prometheus (started by heard run)."
    )
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    stage = Stage("metrics", Options(options.runtime_dir, options.lifeline))
    role = Metrics(stage)
    role.tick(time.monotonic())
    return stage.run(role, TICK_S)
