"""What can go wrong around a running daemon, and the moments at which it does: the rows of the fault tests.

A fault is done to the network (`support.proxy`) or to the service (`support.v3_server`) while the daemon
runs; a moment is waited for. Every fault can happen at every moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..support.proxy import BOTH, Proxy, Way
from ..support.v3_server import Plan, V3Server
from .coded import RATE_HZ
from .running import Daemon

BYTES_PER_SECOND = 2 * RATE_HZ
WAIT_S = 25.0


@dataclass(frozen=True, slots=True)
class World:
    """A daemon, what it speaks to, and what lies between."""

    heard: Daemon
    net: Proxy
    server: V3Server

    def until_sent(self, seconds: float, session: int = -1) -> None:
        """Wait until a session (the newest) has received so much audio."""
        records = self.server.records
        self.heard.until(
            lambda: bool(records) and len(records[session].audio) >= seconds * BYTES_PER_SECOND,
            WAIT_S,
            f"{seconds:g} s of audio in session {session}",
        )

    def until_event(self, event: str) -> None:
        """Wait for an event of upstream."""
        self.heard.until(
            lambda: event in [body["event"] for body in self.heard.bodies("upstream.mic")], WAIT_S, event
        )

    def cut_and_then(self, *plans: Plan) -> None:
        """Break the connections; the next ones meet these plans."""
        self.server.then(*plans)
        self.net.cut()

    def close(self, code: int, text: str = "") -> None:
        """Let the service close its session; one that has not begun is refused the same way."""
        if not self.server.close(code, error_text=text):
            self.server.then(Plan(error=(code, text)))


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and is right again after `hold_s` (0: it takes no time)."""

    begin: Callable[[World], None]
    hold_s: float = 0.0


def _outage(world: World) -> None:
    world.net.refuse()
    world.net.cut()


FAULTS = {
    "reset": Fault(lambda world: world.net.cut()),
    "refused for a while": Fault(_outage, 4.0),
    "black hole": Fault(lambda world: world.net.swallow(BOTH), 6.0),
    "half-open, deaf": Fault(lambda world: world.net.swallow(frozenset({Way.DOWN})), 6.0),
    "half-open, dumb": Fault(lambda world: world.net.swallow(frozenset({Way.UP})), 6.0),
    "stall": Fault(lambda world: world.net.stall(), 2.5),
    "too many": Fault(lambda world: world.cut_and_then(Plan(status=429, retry_after="2"))),
    "server errors": Fault(lambda world: world.cut_and_then(Plan(status=500), Plan(status=503))),
    "closed": Fault(lambda world: world.close(1011)),
    "error before close": Fault(lambda world: world.close(3005, "Session Cancelled: an unknown error")),
    "no Begin": Fault(lambda world: world.cut_and_then(Plan(begin=False))),
    "Terminate unanswered": Fault(lambda world: world.cut_and_then(Plan(termination="never"))),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When it happens.

    plans   of the connections before it
    wait    waits for the moment; nothing has been sent before it is called
    least_s  a recording of so many seconds has the moment in it
    """

    wait: Callable[[World], None]
    plans: tuple[Plan, ...] = (Plan(),)
    least_s: int = 8


def _connecting(world: World) -> None:
    # Slow enough to be met in the handshake.
    world.net.delay(0.3)
    world.heard.until(lambda: world.net.accepted, WAIT_S, "a connection")


def _backfill(world: World) -> None:
    world.until_sent(2.2)
    _outage(world)
    world.heard.listen(4.2)
    world.net.heal()
    world.until_event("backfill-started")
    world.until_sent(1.0)


MOMENTS = {
    "connecting": Moment(_connecting),
    "in mid-turn": Moment(lambda world: world.until_sent(4.2)),
    "in a pause": Moment(lambda world: world.until_sent(5.8)),
    "backfill": Moment(_backfill, least_s=12),
    # Due after 6 s; the next session is being opened then.
    "rotation": Moment(
        lambda world: world.heard.until(lambda: len(world.server.records) > 1, WAIT_S, "the next session"),
        (Plan(expires_in_s=11), Plan()),
    ),
    "drain": Moment(
        lambda world: world.heard.until(
            lambda: any({"type": "Terminate"} in record.messages for record in world.server.records),
            WAIT_S,
            "Terminate",
        ),
        (Plan(termination="never"), Plan()),
    ),
}


def strike(fault: Fault, moment: Moment, world: World) -> int:
    """Let a fault happen at a moment, and be over after its time; return the connections made before."""
    moment.wait(world)
    before = world.net.accepted
    fault.begin(world)
    if fault.hold_s:
        world.heard.listen(fault.hold_s)
    world.net.heal()
    return before
