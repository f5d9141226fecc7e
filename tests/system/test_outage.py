"""Outages that last: longer than anyone waits, and longer than audio is retained."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..support.black_hole import NAMES_PORT, forbidden, network, say
from ..support.names import name_server
from ..support.proxy import BOTH, Proxy, proxy
from ..support.v3_server import Plan, V3Server, v3_server
from .coded import RATE_HZ, check, check_but, finish, hearing, recording
from .running import Body, Daemon
from .world import HOSTS, NAME, World, looking_up

SECONDS = 18
IN_ORDER = {
    "reset": [Plan(reset_at_s=4.2), Plan(status=503), Plan()],
    "closed in mid-turn": [Plan(close_at_s=4.2), Plan()],
    "error before close": [Plan(close_at_s=5.0, close=(3005, "no"), error_text="Session Cancelled"), Plan()],
    "too many": [Plan(reset_at_s=3.0), Plan(status=429, retry_after="2"), Plan()],
    "refused at first": [Plan(status=500), Plan(status=502), Plan()],
    "expires": [Plan(expires_in_s=11), Plan()],
    "terminate unanswered": [Plan(termination="never"), Plan()],
    "black hole": [Plan(deaf_at_s=4.0), Plan()],
    "no Begin": [Plan(begin=False), Plan()],
}
RETENTION_S = 4
OUTAGE_S = 9
KINDS = ("refused", "stalled", "swallowed", "dropped", "dumb", "nameless")
"""The last three by nftables: no packet arrives, or none that carries anything, or, on the way to a service
that has to be looked up, not even the question for its address."""
BESIDE = {"refused": 0, "stalled": 12, "swallowed": 0, "dropped": 2, "dumb": 2, "nameless": 2}
"""What else may reach the service when it is over: the other two attempts that are under way. A proxy that
stalls passes on what had been given up, too, if the server has not closed it after its 10 s; inside TLS
that would be no request for a session."""
LIVE_WITHIN_S = 3.0
SLOW_S = 34
CONNECT_TIMEOUT_S = 10
"""The default."""


@dataclass(frozen=True, slots=True)
class Outage:
    """How a network goes away, and comes back."""

    begin: Callable[[], None]
    end: Callable[[], None]


@contextmanager
def world(
    kind: str,
    folder: Path,
    seconds: int,
    *,
    begun: bool = False,
    limit_s: float = 90.0,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
) -> Iterator[tuple[Daemon, V3Server, Outage]]:
    """Run the daemon before a network that can go away in one way; `begun`: it is away from the start."""
    path = recording(folder, seconds)
    dropping = kind in ("dropped", "dumb", "nameless")
    if dropping and (why := forbidden()) is not None:
        say(why, f"connections are swallowed in a proxy instead ({kind})")
        dropping = False
    prefix: tuple[str, ...] = ()
    with ExitStack() as stack:
        if dropping:
            inside = stack.enter_context(network(limit_s))
            listening = inside.listening()
            server = stack.enter_context(v3_server(listening=listening))
            port: int = listening.getsockname()[1]
            outage = Outage(lambda: inside.drop(port, "data" if kind == "dumb" else "all"), inside.heal)
            url, prefix = server.url, inside.prefix
            if kind == "nameless":
                stack.enter_context(name_server(inside.bound(NAMES_PORT, socket.SOCK_DGRAM)))
                url = url.replace("127.0.0.1", NAME)
                # As resolvers ask by default.
                prefix += looking_up(folder, HOSTS, "timeout:5 attempts:2")
        else:
            server = stack.enter_context(v3_server())
            net = stack.enter_context(proxy(server.url))
            outage = Outage(lambda: _away(kind, net), net.heal)
            url = net.through(server.url)
        if begun:
            outage.begin()
        heard = stack.enter_context(
            hearing(path, url, limit_s=limit_s, prefix=prefix, connect_timeout_s=connect_timeout_s)
        )
        yield heard, server, outage


def _away(kind: str, net: Proxy) -> None:
    match kind:
        case "refused":
            net.refuse()
            net.cut()
        case "stalled":
            net.stall()
        case _:
            net.swallow(BOTH)


@pytest.mark.slow
@pytest.mark.parametrize("fault", IN_ORDER)
def test_in_order_costs_no_word_either(fault: str, tmp_path: Path) -> None:
    """What a session lost is caught up in order on the next one, at the pace that the service allows."""
    with (
        v3_server(*IN_ORDER[fault]) as server,
        hearing(recording(tmp_path, SECONDS), server.url, catch_up="in-order") as heard,
    ):
        check(heard, finish(heard, 80), server, SECONDS * RATE_HZ)


@pytest.mark.parametrize("catch_up", ["live-first", pytest.param("in-order", marks=pytest.mark.slow)])
def test_an_outage_longer_than_the_retention_costs_the_oldest_audio_alone(
    catch_up: str, tmp_path: Path
) -> None:
    """It is dropped as `expired`; the gaps that are told are what the ledger counts; the rest is said."""
    with (
        v3_server() as server,
        proxy(server.url) as net,
        hearing(
            recording(tmp_path, SECONDS),
            net.through(server.url),
            retention_s=RETENTION_S,
            catch_up=catch_up,
        ) as heard,
    ):
        World(heard, net, server).until_sent(3.2)
        began = time.monotonic()
        net.refuse()
        net.cut()
        heard.listen(OUTAGE_S)
        net.heal()
        away_s = time.monotonic() - began
        last = finish(heard, 60)
        lost = check_but(heard, last, server, SECONDS * RATE_HZ, "expired")
        seconds = sum(stop - start for start, stop in lost) / RATE_HZ
        # The return is noticed late, and what is caught up expires as well until its turn is settled.
        assert OUTAGE_S - RETENTION_S - 2 < seconds < away_s + RETENTION_S


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_a_minute_without_a_network(
    kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every word of three minutes once; the live text is back within seconds of the server's return."""
    with world(kind, tmp_path, 180, limit_s=280) as (heard, server, outage):
        heard.until(lambda: server.records and len(server.records[0].audio) > 120 * RATE_HZ, 80, "a minute")
        before = len(server.records)
        outage.begin()
        heard.listen(60)
        returned = time.time()
        outage.end()
        last = finish(heard, 130)
        took_s = live_again_s(heard, returned)
        record_property("live_text_after_s", took_s)
        check(heard, last, server, 180 * RATE_HZ)
        assert any(final["backfill"] for final in heard.finals())
        assert took_s <= LIVE_WITHIN_S
        asked = server.records[before:]
        assert len([record for record in asked if record.audio]) == 2, "for the live audio and the backlog"
        assert len(asked) <= 2 + BESIDE[kind]


def test_a_black_hole_from_the_start(tmp_path: Path) -> None:
    """Nobody has been reached yet; the first attempt hangs, and others find the service long before it does.

    It has a minute. A kernel repeats its SYN after 15 s and then 31 s, a newer one after 19 s and 35 s.
    """
    with world("dropped", tmp_path, SLOW_S, begun=True, connect_timeout_s=60) as (heard, server, outage):
        until_attempted(heard)
        heard.listen(20)
        assert server.records == []
        returned = time.time()
        outage.end()
        check(heard, finish(heard, 60), server, SLOW_S * RATE_HZ)
        # The machine may be busy; how soon it is without that is for the slow test below.
        assert live_again_s(heard, returned) <= 9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dropped", "dumb", "swallowed", "nameless"])
def test_a_black_hole_from_the_start_is_left_at_once(kind: str, tmp_path: Path) -> None:
    """The same within the promised time, whatever it is that is lost."""
    with world(kind, tmp_path, 10, begun=True) as (heard, server, outage):
        until_attempted(heard)
        # The kernel repeats a SYN after 3 s, and then after 7.
        heard.listen(3.5)
        assert server.records == []
        returned = time.time()
        outage.end()
        check(heard, finish(heard, 60), server, 10 * RATE_HZ)
        assert live_again_s(heard, returned) <= LIVE_WITHIN_S


def until_attempted(heard: Daemon) -> None:
    """Wait until a session is asked for: audio waits. The message may come before a subscriber is there."""
    heard.until(lambda: heard.source("mic")["upstream"]["backlog_s"] > 0, 40, "an attempt")


def live_again_s(heard: Daemon, returned: float) -> float:
    """Return the seconds from the server's return to the first live text of what was said after it."""

    def is_live(body: Body) -> bool:
        return not body["backfill"] and body["words"] and body["words"][-1]["start"] >= returned

    texts = heard.bodies("transcript.partial.") + heard.finals()
    return float(min(body["time"] for body in texts if is_live(body)) - returned)


@pytest.mark.slow
def test_ten_rotations_cost_no_word(tmp_path: Path) -> None:
    """Sessions of a few seconds: each is replaced before it expires."""
    with v3_server(Plan(expires_in_s=7)) as server, hearing(recording(tmp_path, 50), server.url) as heard:
        last = finish(heard, 80)
        assert last["sources"]["mic"]["upstream"]["rotations"] >= 10
        assert last["sources"]["mic"]["upstream"]["reconnects"] == 0
        check(heard, last, server, 50 * RATE_HZ)
