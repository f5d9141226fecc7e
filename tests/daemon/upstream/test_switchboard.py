"""Sessions that take over from another: before one expires, and when the terms are changed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.upstream.terms import Terms
from heard.wire.codec import Body
from heard.wire.topics import Topic

from ...support.v3_server import Plan, turns_of_five
from .world import CONFIG, RATE_HZ, World, whole

LIVE_FIRST = replace(CONFIG, live_first_s=3.0)
OTHER = Terms("another-model")
REFUSAL = Plan(error=(1008, "Unauthorized Connection: Missing Authorization header"))


def upstream_of(world: World) -> Body:
    """Return the line's `upstream` status."""
    status = world.line.status()["upstream"]
    assert isinstance(status, dict)
    return status


def reasons(world: World, event: str) -> list[str]:
    """Return the reasons of an upstream event."""
    bodies = (each.body for each in world.events if each.topic is Topic.UPSTREAM)
    return [str(body["reason"]) for body in bodies if body["event"] == event]


def test_ten_rotations_in_one_recording() -> None:
    """Every word once, no session but those that took over; each switch falls in a pause."""
    world = World([Plan(expires_in_s=15)], config=replace(CONFIG, rotate_before_s=7, retention_s=300))
    world.run(130)
    whole(world)
    assert len(world.records) >= 11
    assert upstream_of(world)["rotations"] == len(world.records) - 1
    assert set(world.changes()) == {"connecting", "open", "rotated", "closed"}
    texts = [str(body["text"]).split() for body in world.finals()]
    assert all(len(words) == 5 for words in texts[:-1]), "no turn is cut in two where there are pauses"


@settings(max_examples=15, deadline=None)
@given(
    st.integers(8, 25),
    st.integers(2, 12),
    st.sampled_from([6, 9, 31, 1000]),
    st.booleans(),
    st.sampled_from(["answer", "close", "never"]),
)
def test_any_rotations(
    expires_s: int, before_s: int, pause_every: int, live_first: bool, termination: str
) -> None:
    """However long sessions and turns are, and whether or not an old session says goodbye."""
    config = replace(LIVE_FIRST if live_first else CONFIG, rotate_before_s=before_s, retention_s=300)
    plan = Plan(expires_in_s=expires_s, termination=termination)  # type: ignore[arg-type]
    world = World(
        [plan] * 8 + [Plan()], config=config, spoken=lambda word: word % pause_every != pause_every - 1
    )
    world.run(60)
    whole(world)
    assert "rotated" in world.changes()


def test_terms_that_are_fixed_take_another_session() -> None:
    """It is up before the switch; the old one is asked for its last words; the reason is told."""
    world = World()
    world.run(4)
    world.line.change(OTHER, "reload: the model", world.moment)
    world.run(8)
    assert upstream_of(world)["rotations"] == 1
    assert reasons(world, "rotated") == ["reload: the model"]
    assert [record.query["speech_model"] for record in world.records] == ["u3-rt-pro", "another-model"]
    assert world.records[0].messages == [{"type": "Terminate"}]
    whole(world)
    assert len(world.records) == 2
    assert upstream_of(world)["reconnects"] == 0
    assert "outage" not in world.changes()


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 14), st.floats(0.0, 6), st.sampled_from([6, 1000]))
def test_a_change_at_any_moment_costs_no_word(first: float, then: float, pause_every: int) -> None:
    """Two of them, also while the session for the first is on its way."""
    world = World(spoken=lambda word: word % pause_every != pause_every - 1)
    world.run(first)
    world.line.change(OTHER, "set", world.moment)
    world.run(then)
    world.line.change(Terms("third"), "set", world.moment)
    world.run(15)
    assert world.records[-1].query["speech_model"] == "third"
    whole(world)


def test_changes_in_quick_succession_take_one_session() -> None:
    """Not one each."""
    world = World()
    world.run(4)
    for number in range(5):
        params: dict[str, object] = {"max_speakers": number + 1, "speaker_labels": True}
        world.line.change(Terms("u3-rt-pro", params), "set", world.moment)
        world.run(0.05)
    world.run(8)
    assert len(world.records) == 2
    assert world.records[1].query["max_speakers"] == "5"
    whole(world)


def test_a_change_that_is_taken_back_takes_none() -> None:
    """Within the half second."""
    world = World()
    world.run(4)
    world.line.change(OTHER, "set", world.moment)
    world.run(0.2)
    world.line.change(CONFIG.terms, "set", world.moment)
    world.run(8)
    whole(world)
    assert len(world.records) == 1


def test_a_live_parameter_that_is_no_longer_set_takes_another_session() -> None:
    """The service's default is not for us to know."""
    world = World(config=replace(CONFIG, terms=Terms("u3-rt-pro", {"prompt": "numbers"})))
    world.run(4)
    world.line.change(Terms("u3-rt-pro"), "reload", world.moment)
    world.run(8)
    assert [record.query.get("prompt") for record in world.records] == ["numbers", None]
    whole(world)


def test_a_change_before_begin_is_not_missed() -> None:
    """The session that is being opened would be on the old terms: another takes its place at once."""
    world = World()
    world.run(0.06)
    assert len(world.records) == 1
    world.line.change(Terms("u3-rt-pro", {"prompt": "numbers"}), "set", world.moment)
    world.run(4)
    assert world.records[-1].query["prompt"] == "numbers"
    whole(world)
    assert "rotated" not in world.changes()


def test_a_change_during_an_outage_counts_for_the_next_session() -> None:
    """And an order to reload tries at once."""
    world = World([Plan(status=429, retry_after="60"), Plan()])
    world.run(5)
    assert world.line.state == "outage"
    world.line.reconfigure(replace(CONFIG, terms=OTHER), "reload", world.moment)
    world.run(5)
    assert [record.query["speech_model"] for record in world.records] == ["u3-rt-pro", "another-model"]
    whole(world)


def test_a_refused_key_is_tried_again_by_a_reload() -> None:
    """The key may be another now, or the account in order."""
    world = World([REFUSAL, Plan()])
    world.run(5)
    assert world.line.state == "refused"
    world.line.reconfigure(CONFIG, "reload", world.moment)
    world.run(1)
    assert world.line.state == "open"
    whole(world)


@pytest.mark.parametrize(
    "plan", [REFUSAL, Plan(status=503), Plan(begin=False)], ids=["key", "503", "no Begin"]
)
def test_a_change_that_the_service_does_not_take_leaves_the_old_session(plan: Plan) -> None:
    """It goes on, the error is shown, and the next reload puts it right."""
    world = World([Plan(), plan, Plan()])
    world.run(4)
    world.line.reconfigure(replace(CONFIG, terms=replace(OTHER, place=1)), "reload", world.moment)
    world.run(12)
    if plan is REFUSAL:
        assert world.line.state == "open"
        assert len(world.records) == 2
        assert "no session to replace the running one: 1008" in str(upstream_of(world)["error"])
        world.line.reconfigure(replace(CONFIG, terms=replace(OTHER, place=2)), "reload", world.moment)
    world.run(25)
    assert upstream_of(world)["rotations"] == 1
    assert upstream_of(world)["error"] is None
    whole(world)
    assert "outage" not in world.changes()


def test_what_is_ours_is_in_force_at_once() -> None:
    """Length of frames, partials, the time before a session expires: without another session."""
    world = World([Plan(expires_in_s=30), Plan()])
    world.run(3)
    known = len(world.partials())
    config = replace(CONFIG, frame_ms=100, partials=False, rotate_before_s=25)
    world.line.reconfigure(config, "reload", world.moment)
    before = len(world.records[0].frames)
    world.run(1)
    assert set(world.records[0].frames[before + 1 :]) == {RATE_HZ // 10}
    assert len(world.partials()) == known
    # It was to be replaced 15 s after its Begin at the earliest, and is by the same rule now.
    world.run(16)
    assert reasons(world, "rotated") == [f"session {world.records[0].id} expires"]
    whole(world)


def test_a_backlog_is_heard_to_its_end_on_the_old_terms() -> None:
    """The session beside the live one goes on; the live one is replaced."""
    world = World(config=replace(LIVE_FIRST, retention_s=300), spoken=turns_of_five)
    world.unreachable = True
    world.run(25)
    world.unreachable = False
    world.run(6)
    assert len([record for record in world.records if record.audio]) == 2
    world.line.change(OTHER, "set", world.moment)
    world.run(20)
    heard = [record.query["speech_model"] for record in world.records if record.audio]
    assert heard == ["u3-rt-pro", "u3-rt-pro", "another-model"]
    whole(world)
