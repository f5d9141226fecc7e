"""What can go wrong around a running daemon, and the moments at which it does: the rows of the fault tests.

A fault is done to the network (`support.proxy`) or to the service (`support.v3_server`) while the daemon
runs; a moment is waited for. Every fault can happen at every moment.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..support.black_hole import Lost, Network, forbidden, network, say
from ..support.namespace import mounting, seen_by
from ..support.proxy import BOTH, Proxy, Way, proxy
from ..support.v3_server import Plan, V3Server, v3_server
from .coded import RATE_HZ, hearing
from .running import Daemon

BYTES_PER_SECOND = 2 * RATE_HZ
WAIT_S = 40.0
SUPPORT = Path(__file__).parents[1] / "support"
TRUSTED, STRANGER = SUPPORT / "localhost.pem", SUPPORT / "stranger.pem"
NAME = "speech.test"
HOSTS = "127.0.0.1 localhost\n"
"""Where nobody knows the name; who does has this line as well."""
KNOWN = f"127.0.0.1 {NAME}\n"

Through = Literal["", "tls", "name", "packets"]
"""What lies on the way to the service that can fail: nothing in particular, TLS, a name that is looked up, or
a network of its own in which packets can be dropped."""


@dataclass(frozen=True, slots=True)
class World:
    """A daemon, what it speaks to, and what lies between."""

    heard: Daemon
    net: Proxy
    server: V3Server
    shown: ssl.SSLContext | None = None
    """The certificate that the service shows."""
    inside: Network | None = None
    """The network in which the daemon runs, where it is one of its own."""

    def show(self, certificate: Path) -> None:
        """Let the service show this certificate from the next handshake on."""
        assert self.shown is not None
        # Of the same kind, so it takes the place of the other.
        self.shown.load_cert_chain(certificate)

    def resolve(self, hosts: str) -> None:
        """Let this be the names that the daemon can look up."""
        seen_by(self.heard.child.pid, Path("/etc/hosts")).write_text(hosts)

    def drop(self, lost: Lost) -> None:
        """Drop packets; where that is not to be had, the proxy swallows what arrives."""
        if self.inside is None:
            self.net.swallow(BOTH)
        else:
            self.inside.drop(self.net.port, lost)

    def pass_all(self) -> None:
        """Drop no packet any more."""
        if self.inside is not None:
            self.inside.heal()

    def until_sent(self, seconds: float, session: int = -1) -> None:
        """Wait until a session (the newest) has received so much audio."""
        records = self.server.records
        self.heard.until(
            lambda: (
                len(records) > max(session, 0) and len(records[session].audio) >= seconds * BYTES_PER_SECOND
            ),
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
    end: Callable[[World], None] = lambda world: world.net.heal()
    through: Through = ""


def _untrusted(world: World) -> None:
    world.show(STRANGER)
    world.net.cut()


def _unresolved(world: World) -> None:
    world.resolve(HOSTS)
    world.net.cut()


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
    "untrusted": Fault(_untrusted, 4.0, lambda world: world.show(TRUSTED), "tls"),
    "unresolved": Fault(_unresolved, 4.0, lambda world: world.resolve(HOSTS + KNOWN), "name"),
    "packets dropped": Fault(lambda world: world.drop("all"), 6.0, World.pass_all, "packets"),
    "data dropped": Fault(lambda world: world.drop("data"), 6.0, World.pass_all, "packets"),
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
    least_s: int = 12


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
    "backfill": Moment(_backfill, least_s=16),
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
    fault.end(world)
    # The moment may have left something as well.
    world.net.heal()
    return before


@contextmanager
def world(path: Path, *plans: Plan, through: Through = "", folder: Path) -> Iterator[World]:
    """Run the daemon on a recording before a proxy and a service that follows `plans`."""
    with ExitStack() as stack:
        shown = inside = None
        prefix: tuple[str, ...] = ()
        ca_file = ""
        if through == "tls":
            ca_file, shown = str(TRUSTED), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            shown.load_cert_chain(TRUSTED)
        elif through == "name":
            prefix = looking_up(folder, HOSTS + KNOWN)
        elif through == "packets":
            if (why := forbidden()) is None:
                inside = stack.enter_context(network())
                prefix = inside.prefix
            else:
                say(why, "connections are swallowed in a proxy instead")
        server = stack.enter_context(v3_server(*plans, tls=shown))
        net = stack.enter_context(proxy(server.url, None if inside is None else inside.bound))
        url = net.through(server.url)
        if through == "name":
            url = url.replace("127.0.0.1", NAME)
        heard = stack.enter_context(hearing(path, url, prefix=prefix, ca_file=ca_file))
        yield World(heard, net, server, shown, inside)


def looking_up(folder: Path, hosts: str, options: str = "timeout:1 attempts:1") -> tuple[str, ...]:
    """Return the words that run a command which looks names up in a file of its own, then asks at 127.0.0.1.

    Where no name server is there, nobody is waited for.
    """
    names, resolver = folder / "hosts", folder / "resolv.conf"
    names.write_text(hosts)
    resolver.write_text(f"nameserver 127.0.0.1\noptions {options}\n")
    return mounting(
        ("--bind", str(names), "/etc/hosts"),
        ("--bind", str(resolver), str(Path("/etc/resolv.conf").resolve())),
    )
