"""When sessions are opened, above all into a black hole: a line and a scripted service in simulated time."""

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.upstream.attempts import MOST
from heard.upstream.backoff import SessionBudget
from heard.wire.topics import Topic

from ...support.v3_server import Plan
from .world import CONFIG, UTC, World, whole

OUTAGE_S = 25
BACK_WITHIN_S = 3.0
LIVE_FIRST = replace(CONFIG, live_first_s=3.0, retention_s=300)
IN_ORDER = replace(CONFIG, retention_s=300)
Hole = Literal["drop", "swallow"]
HOLES: tuple[Hole, ...] = ("drop", "swallow")


def sent_twice(world: World) -> int:
    """Return how many samples more than one session was sent, overlaps of seams included."""
    samples = [number for record in world.records for number in record.samples]
    return len(samples) - len(set(samples))


def live_again_s(world: World, returned: float, known: int) -> float:
    """Return the seconds from the network's return to the first live text of a word said after it."""
    for event in world.offered[known:]:
        words = event.body.get("words")
        if event.topic is not Topic.PARTIAL or event.body["backfill"] or not isinstance(words, list):
            continue
        if float(words[-1]["start"]) - UTC >= returned:
            return float(event.received_at) - UTC - returned
    raise AssertionError(f"no live text: {world.said()}")


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(["drop", "swallow", "refuse"]), st.floats(0, 12), st.floats(4, 9))
def test_live_text_is_back_within_three_seconds(kind: str, offset_s: float, before_s: float) -> None:
    """After dropped packets, swallowed handshakes or refused connections; every word once."""
    world = World(config=LIVE_FIRST)
    world.run(before_s)
    if kind == "refuse":
        world.unreachable = True
        world.line.reconnect(world.moment)
    else:
        world.hole = kind  # type: ignore[assignment]
    world.run(OUTAGE_S + offset_s)
    assert world.line.state == "outage"
    known, returned = len(world.offered), world.now
    world.hole, world.unreachable = "", False
    world.run(5)
    assert live_again_s(world, returned, known) <= BACK_WITHIN_S, world.said()
    heard = [record for record in world.records if record.audio]
    assert len(heard) == 3, "the session before, the live one, the backlog's"
    whole(world)
    assert len([record for record in world.records if record.audio]) == 3


@pytest.mark.parametrize("hole", HOLES)
def test_in_a_black_hole_attempts_are_few_and_bounded(hole: Hole) -> None:
    """Three at a time, one a second; after five minutes one, seldom; much later one gets through."""
    world = World(config=replace(LIVE_FIRST, retention_s=4000), budget=SessionBudget(5))
    world.run(5)
    world.hole = hole
    world.run(110)
    assert world.most_at_once == MOST
    minute = [at for at in world.attempts if 40 < at <= 100]
    assert 50 <= len(minute) <= 85
    world.run(210, speak=False)
    known = len(world.attempts)
    world.most_at_once = 0
    world.run(1200, speak=False)
    assert world.most_at_once == 1
    assert len(world.attempts) - known < 1200 / 20
    world.hole = ""
    world.until(lambda: world.line.state == "open", 60)


@pytest.mark.parametrize("hole", HOLES)
def test_late_in_an_outage_it_is_enough_that_another_source_gets_through(hole: Hole) -> None:
    """By itself this one might wait for half a minute, and for an attempt that hangs."""
    for extra_s in range(0, 40, 4):
        world = World(config=replace(LIVE_FIRST, retention_s=4000))
        world.run(5)
        world.hole = hole
        world.run(600 + extra_s, speak=False)
        world.hole = ""
        world.line.there(world.moment)
        world.until(lambda world=world: world.line.state == "open", BACK_WITHIN_S)  # type: ignore[misc]


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("config", [LIVE_FIRST, IN_ORDER], ids=["live-first", "in-order"])
def test_a_return_costs_the_sessions_that_are_needed(hole: Hole, config: object) -> None:
    """One for what is said now and one for the backlog, within an allowance of five a minute."""
    live_first = config is LIVE_FIRST
    world = World(config=LIVE_FIRST if live_first else IN_ORDER, budget=SessionBudget(5))
    world.run(5)
    world.hole = hole
    world.run(OUTAGE_S)
    world.hole = ""
    world.run(8)
    begun = [record for record in world.records if record.audio]
    assert len(begun) == (3 if live_first else 2)
    assert len(world.records) <= len(begun) + MOST - 1
    # The second that both sides of a seam hear, and what was in the air when the network went.
    assert sent_twice(world) < 10 * 16000
    whole(world)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(HOLES), st.floats(0.2, 20), st.floats(0.1, 8)), max_size=3),
    st.booleans(),
)
def test_any_black_holes_cost_no_word(holes: list[tuple[Hole, float, float]], live_first: bool) -> None:
    """However long they are, and whatever is under way when one begins or ends."""
    world = World(config=LIVE_FIRST if live_first else IN_ORDER)
    world.run(2)
    for hole, lasts_s, then_s in holes:
        world.hole = hole
        world.run(lasts_s)
        world.hole = ""
        world.run(then_s)
    whole(world)
    assert world.most_at_once <= MOST


@pytest.mark.parametrize(
    ("plan", "attempts"),
    [
        (Plan(status=429, retry_after="20"), 1),
        (Plan(status=503), 6),
        (Plan(status=401), 1),
        (Plan(begin=False), 2),
        (Plan(error=(1008, "Unauthorized Connection: Missing Authorization header")), 1),
    ],
    ids=["429", "503", "401", "no Begin", "key"],
)
def test_an_answer_ends_the_search(plan: Plan, attempts: int) -> None:
    """What the service says to one it would say to all: the others are let go, and its own rules hold."""
    world = World([Plan(), plan], config=replace(LIVE_FIRST, retention_s=900))
    world.run(5)
    world.hole = "drop"
    world.run(20)
    known = len(world.records)
    world.hole = ""
    world.run(15)
    # Those that got through at the same moment, and what the rules allow.
    assert len(world.records) - known <= attempts + MOST - 1, world.said()


def test_a_session_that_is_to_replace_another_is_not_looked_for_in_a_hurry() -> None:
    """The one that runs goes on; and a service that was reached, and takes its time, is waited for alone."""
    world = World(
        [Plan(expires_in_s=40), Plan(begin=False), Plan()], config=replace(IN_ORDER, rotate_before_s=30)
    )
    world.run(26)
    assert len(world.attempts) == 2
    assert world.line.state == "open"
    world.run(14)
    whole(world)


@pytest.mark.parametrize(
    ("beside_s", "budget", "most"), [(None, None, 1), (1.0, 2, 2)], ids=["local", "two a minute"]
)
def test_attempts_beside_one_have_limits(beside_s: float | None, budget: int | None, most: int) -> None:
    """A recognizer on this machine is busy, not lost on the way; what may cost a session is counted."""
    world = World(config=replace(LIVE_FIRST, beside_s=beside_s), budget=SessionBudget(budget))
    world.run(70)
    world.hole = "swallow"
    world.run(30)
    assert world.most_at_once == most
    world.hole = ""
    world.run(100)
    whole(world)


def test_an_order_to_connect_anew_lets_go_of_every_attempt() -> None:
    """And one is made at once."""
    world = World(config=LIVE_FIRST)
    world.run(5)
    world.hole = "swallow"
    world.run(30)
    world.hole = ""
    world.line.reconnect(world.moment)
    world.run(0.2)
    assert world.line.state == "open"
    world.run(5)
    whole(world)
    assert "closed" in world.changes()
