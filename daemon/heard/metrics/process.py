"""The shell of the process: asks the daemon for its status at each scrape, and serves what it says.

A client of the control socket like any other: nothing of the daemon waits for it.
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
from heard_client.control import Control
from heard_client.errors import HeardError

log = logging.getLogger(__name__)

TICK_S = 0.25
ASK_S = 2.0
RETRY_S = 5.0


class Metrics:
    """The role: listens, and counts what was asked."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._endpoint = stage.settings.metrics.endpoint
        self._control = stage.settings.control.endpoint
        self._server: Server | None = None
        self._claimed = self._told = False
        self._due = 0.0
        self._counters = Counter(scrapes=0, failed_scrapes=0)
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
        if not self._told:
            # Without its port it is up all the same: the rest of the daemon needs none of it.
            self._told = True
            self._stage.ready()

    def order(self, order: Order) -> Body | None:
        """Refuse: there is nothing to order.

        Raises:
            ControlError: always.
        """
        raise ControlError(Code.UNKNOWN_OP, f"metrics knows no {order.op}")

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
            UnavailableError: the daemon does not say.
        """
        with self._one_at_a_time:
            self._counters["scrapes"] += 1
            try:
                with Control(self._control, timeout_s=ASK_S) as control:
                    status = control.request("status")
            except HeardError as error:
                self._counters["failed_scrapes"] += 1
                raise UnavailableError(str(error)) from None
            return encoded(families(status), accept)


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
