"""A session is closed after long silence and opened at the first sound: no word is lost, little is billed."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.upstream.port import LineConfig
from heard.upstream.rest import KEPT_S, STEP
from heard.wire.audio import End
from heard.wire.codec import Body
from heard.wire.topics import Topic

from ...support.scene import Scene
from ...support.v3_server import Plan
from .world import CONFIG, RATE_HZ, World

IDLE = replace(CONFIG, idle_close_s=10)


def world_of(scene: Scene, *plans: Plan, config: LineConfig = IDLE) -> World:
    """Return a world in which the scene will be heard."""
    return World(list(plans) or [Plan()], config=config, spoken=scene.spoken, sound=scene.sound)


def upstream_of(world: World) -> Body:
    """Return the line's `upstream` status."""
    status = world.line.status()["upstream"]
    assert isinstance(status, dict)
    return status


def reasons(world: World, event: str) -> list[str]:
    """Return the reasons of an upstream event."""
    bodies = (each.body for each in world.events if each.topic is Topic.UPSTREAM)
    return [str(body["reason"]) for body in bodies if body["event"] == event]


def accounted(world: World) -> bool:
    """Whether every sample is settled or given up, and none is both."""
    stretches = sorted([*world.settled(), *world.given_up()])
    return (
        stretches[0][0] == 0
        and stretches[-1][1] == world.sample
        and all(before[1] == after[0] for before, after in pairwise(stretches))
    )


def whole(world: World) -> None:
    """Let the audio end; assert that every word came once and every sample is accounted for."""
    world.end()
    world.until(lambda: accounted(world))
    world.until(lambda: world.line.drained)
    assert world.words() == world.expected(), world.said()
    assert world.violations() == [], world.said()
    ids = [body["turn_id"] for body in world.finals()]
    assert len(ids) == len(set(ids)), world.said()


def test_long_silence_closes_the_session_and_the_first_word_comes_whole() -> None:
    """Closed in good order after ten seconds; the words before the sound that opened the next are heard."""
    scene = Scene(8, 60, 12)
    world = world_of(scene)
    world.run(4 + 9)
    assert world.line.state == "open"
    world.run(4)
    assert world.line.state == "closed"
    assert upstream_of(world)["session"] is None
    assert reasons(world, "closed") == ["idle: no speech for 10 s"]
    assert world.records[0].messages == [{"type": "Terminate"}]
    while world.now < 33.9:
        world.run(0.1)
        assert world.line.state == "closed", "no session is opened for silence"
        assert upstream_of(world)["backlog_s"] == 0.0
    world.run(scene.seconds - world.now)
    assert world.line.state == "open"
    whole(world)
    assert len(world.records) == 2
    assert world.changes() == ["connecting", "open", "closed"] * 2
    assert upstream_of(world)["reconnects"] == 0
    late = [body for body in world.finals() if "w68" in str(body["text"])]
    assert not late[0]["backfill"]


def test_silence_is_given_up_in_few_long_steps() -> None:
    """A quarter of the retention at a time, never the newest seconds; memory stays bounded."""
    world = world_of(Scene(8, 400, 12))
    world.run(200)
    steps = world.given_up("silence")
    assert 180 / (60 * STEP) - 2 < len(steps) <= 180 / (60 * STEP)
    assert steps[-1][1] <= world.sample - KEPT_S * RATE_HZ
    assert all(stop - start >= 60 * STEP * RATE_HZ for start, stop in steps)
    assert world.sample - world.line._backlog.start < 30 * RATE_HZ
    world.run(11)
    whole(world)
    assert world.given_up() == world.given_up("silence")


def test_sound_goes_on_being_sent_while_nobody_waits_for_it() -> None:
    """What rests counts as sent: an input that can wait does not wait for a session."""
    world = world_of(Scene(8, 80))
    world.run(35)
    assert world.line._sessions.spans.sent(world.sample) == world.sample


@pytest.mark.parametrize("why", [End.ENDED, End.MUTED, End.SHUTDOWN])
def test_an_end_in_silence_opens_nothing(why: End) -> None:
    """What is left is given up at once, as silence."""
    world = world_of(Scene(8, 80))
    world.run(25)
    world.line.block(world.block(0, end=why), world.moment)
    world.run(0.1, speak=False)
    assert accounted(world)
    assert len(world.records) == 1
    assert world.line.state == "closed"


def test_a_stop_in_silence_opens_nothing() -> None:
    """Without the end of the segment, too."""
    world = world_of(Scene(8, 80))
    world.run(25)
    world.line.stop()
    assert accounted(world)
    assert world.line.drained
    assert world.line.state == "closed"


def test_reconnect_opens_a_session_which_is_closed_again() -> None:
    """An operator wants to see whether it works."""
    world = world_of(Scene(8, 160, 12))
    world.run(25)
    assert world.line.reconnect(world.moment) == "connecting"
    world.run(1)
    assert world.line.state == "open"
    assert world.line.endpoint() == "open"
    world.run(14)
    assert world.line.state == "closed"
    assert world.line.endpoint() == "closed"
    world.run(90 - world.now)
    whole(world)
    assert len(world.records) == 3


def test_a_setting_of_zero_opens_a_session_for_good() -> None:
    """Changed while the source rests."""
    world = world_of(Scene(8, 100, 12))
    world.run(25)
    world.line.reconfigure(replace(IDLE, idle_close_s=0), "reload", world.moment)
    world.run(60 - world.now)
    assert world.line.state == "open"
    whole(world)
    assert len(world.records) == 2


def test_a_setting_is_taken_up_by_a_running_session() -> None:
    """From never to ten seconds."""
    world = world_of(Scene(8, 100, 12), config=CONFIG)
    world.run(25)
    assert world.line.state == "open"
    world.line.reconfigure(IDLE, "reload", world.moment)
    world.run(11)
    assert world.line.state == "closed"
    world.run(60 - world.now)
    whole(world)


def test_killed_while_it_rests_nothing_is_lost() -> None:
    """A new process opens a session for what is pending, and closes it again."""
    world = world_of(Scene(8, 100, 12))
    world.run(25)
    world.restart()
    world.run(60 - world.now)
    whole(world)
    assert len(world.records) == 3


def test_killed_after_it_woke_turns_keep_their_ids() -> None:
    """The turn that was under way has the same id when a new process hears it again."""
    world = world_of(Scene(8, 60, 14))
    world.run(34 + 1.9)
    before = {str(body["text"]).split()[0]: body["turn_id"] for body in world.partials()}
    assert "w68" in before
    assert all("w68" not in str(body["text"]) for body in world.finals())
    world.restart()
    world.run(41 - world.now)
    whole(world)
    after = {str(body["text"]).split()[0]: body["turn_id"] for body in world.finals()}
    assert {first: after[first] for first in before} == before


@pytest.mark.parametrize("termination", ["never", "close"])
def test_a_service_that_does_not_say_goodbye(termination: str) -> None:
    """No Termination: what was sent is said again or taken as settled, and the source rests all the same."""
    world = world_of(Scene(8, 100, 12), Plan(termination=termination))  # type: ignore[arg-type]
    world.run(60)
    world.until(lambda: True)
    world.end()
    world.until(lambda: accounted(world))
    assert world.words() == world.expected()
    assert world.violations() == []


def test_live_audio_rests_beside_a_backlog() -> None:
    """After an outage the backlog is heard on a session of its own; the silent live one is closed."""
    world = world_of(Scene(60, 120, 12), config=replace(IDLE, live_first_s=3.0, retention_s=300))
    world.unreachable = True
    world.run(29)
    world.unreachable = False
    world.run(70 - world.now)
    assert world.line.state == "closed"
    world.run(96 - world.now)
    whole(world)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(4, 14), st.integers(0, 70)), min_size=1, max_size=4), st.booleans())
def test_any_scene_is_heard_whole(parts: list[tuple[int, int]], live_first: bool) -> None:
    """Speech and silence of any lengths: every word once, every sample accounted for."""
    scene = Scene(*(length for part in parts for length in part), 8)
    world = world_of(scene, config=replace(IDLE, live_first_s=3.0 if live_first else None))
    world.run(scene.seconds)
    whole(world)
    # Up to eight half seconds around a silence have no words either.
    assert len(world.records) <= 1 + sum(silence >= 12 for _, silence in parts)
