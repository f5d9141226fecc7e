"""A line against a scripted service, in simulated time."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.upstream.backoff import SessionBudget
from heard.upstream.port import LineConfig
from heard.upstream.terms import Terms
from heard.wire.audio import End
from heard.wire.codec import Body
from heard.wire.positions import From, Received, Refused, Replay
from heard.wire.topics import Topic

from ...support.v3_server import Plan
from .world import CONFIG, RATE_HZ, UTC, World

IN_ORDER = CONFIG
LIVE_FIRST = replace(CONFIG, live_first_s=3.0)

FAULTS = {
    "close": Plan(close_at_s=4.7, close=(1011, "internal")),
    "going away": Plan(close_at_s=4.7, close=(1001, "")),
    "error before close": Plan(
        close_at_s=4.7, close=(3005, ""), error_text="Session Cancelled: An error occurred"
    ),
    "expired": Plan(close_at_s=12.0, close=(3008, ""), error_text="Session Expired: Maximum"),
    "closed as if asked": Plan(close_at_s=4.7, close=(1000, "")),
    "reset": Plan(reset_at_s=4.7),
    "black hole": Plan(deaf_at_s=4.7),
    "never Begin": Plan(begin=False),
    "429": Plan(status=429, retry_after="7"),
    "503": Plan(status=503),
    "busy": Plan(error=(3009, "Unauthorized Connection: Too many concurrent sessions")),
    "never Termination": Plan(termination="never"),
    "close instead of Termination": Plan(termination="close"),
    "too fast": Plan(close_at_s=2.0, close=(3007, "Audio Transmission Rate Exceeded")),
}


def whole(world: World) -> None:
    """Assert that every word came once, every sample is settled, and no rule was broken."""
    assert world.words() == world.expected(), world.said()
    assert world.all_settled(), world.said()
    assert world.violations() == [], world.said()
    ids = [body["turn_id"] for body in world.finals()]
    assert len(ids) == len(set(ids)), world.said()


def finished(world: World, limit_s: float = 120.0) -> World:
    """End the audio and let the line come to its end."""
    world.end()
    world.until(world.all_settled, limit_s)
    world.until(lambda: world.line.drained)
    return world


def upstream_of(world: World) -> Body:
    """Return the line's `upstream` status."""
    status = world.line.status()["upstream"]
    assert isinstance(status, dict)
    return status


def test_an_undisturbed_run_settles_all_in_order() -> None:
    """Words once, settled without a hole, one session, closed after its Termination."""
    world = World()
    world.run(20)
    whole(finished(world))
    assert world.changes() == ["connecting", "open", "closed"]
    assert world.line.state == "closed"
    assert world.records[0].samples == list(range(world.sample))
    starts = [event.settles.start for event in world.events if event.settles]
    assert starts == sorted(starts)


@pytest.mark.parametrize("config", [IN_ORDER, LIVE_FIRST], ids=["in-order", "live-first"])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_word_comes_once_whatever_fails(fault: str, config: LineConfig) -> None:
    """One connection fails in one way; the next is well: nothing is lost, nothing doubled."""
    world = World([FAULTS[fault], Plan()], config=config)
    world.run(20)
    whole(finished(world))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(sorted(FAULTS)), max_size=4), st.floats(0.5, 15), st.booleans())
def test_any_sequence_of_faults(faults: list[str], moment: float, live_first: bool) -> None:
    """Several connections fail, one after the other, at any moment of the audio."""
    plans = [
        replace(
            FAULTS[fault],
            close_at_s=FAULTS[fault].close_at_s and moment,
            reset_at_s=FAULTS[fault].reset_at_s and moment,
            deaf_at_s=FAULTS[fault].deaf_at_s and moment,
        )
        for fault in faults
    ]
    world = World([*plans, Plan()], config=replace(LIVE_FIRST if live_first else IN_ORDER, retention_s=600))
    world.run(25)
    # Twice too fast is refused, and probed after five minutes.
    whole(finished(world, 3000))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=5))
def test_a_killed_line_loses_and_doubles_nothing(moments: list[float]) -> None:
    """Killed at any moment and started anew at the settled position; a turn keeps its id."""
    world = World()
    for moment in moments:
        world.run(moment)
        world.restart()
    world.run(5)
    finished(world)
    whole(world)
    ids: dict[object, object] = {}
    for body in [*world.partials(), *world.finals()]:
        words = body["words"]
        assert isinstance(words, list)
        assert ids.setdefault(words[0]["text"], body["turn_id"]) == body["turn_id"]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(0.05, 6), min_size=1, max_size=3))
def test_killed_while_a_backlog_is_heard_beside_the_live_audio(moments: list[float]) -> None:
    """What was said in between, and settled, is not said again; the rest is, under the same ids."""
    world = World(config=LIVE_FIRST)
    world.run(4)
    world.line.reconnect(world.moment)
    world.unreachable = True
    world.run(14)
    world.unreachable = False
    world.run(5)
    for moment in moments:
        world.run(moment)
        world.restart()
    world.run(5)
    whole(finished(world))
    ids: dict[object, object] = {}
    for body in [*world.partials(), *world.finals()]:
        words = body["words"]
        assert isinstance(words, list)
        assert ids.setdefault(words[0]["text"], body["turn_id"]) == body["turn_id"], world.said()


def test_behind_a_hole_begins_a_span_of_its_own() -> None:
    """In live-first mode the audio before it is a backlog from then on."""
    world = World(config=LIVE_FIRST)
    world.run(20)
    world.sample, world._follows = 30 * RATE_HZ, world.sample
    world.template = replace(world.template, wanted=30 * RATE_HZ, anchor=29 * RATE_HZ, pass_no=1)
    world.run(10)
    world.end()
    world.until(lambda: world.settled() == [(0, 20 * RATE_HZ), (30 * RATE_HZ, 40 * RATE_HZ)])
    world.until(lambda: world.line.drained)
    assert world.words() == [word for word in world.expected() if not 40 <= int(word[1:]) < 60]
    assert world.changes().count("backfill-started") == world.changes().count("backfill-finished") == 1
    behind = [body for body in world.finals() if float(str(body["start"])) - UTC > 19.9]
    assert behind[0]["turn_id"] == f"run-1-mic-{29 * RATE_HZ}"
    assert not any(body["backfill"] for body in behind)


def test_ids_are_made_of_the_run_that_numbered_the_samples() -> None:
    """A turn that another run began to hear keeps its id."""
    world = World(spoken=lambda word: word < 6)
    world.template = replace(world.template, numbered_by="run-0")
    world.run(20)
    finished(world)
    assert world.finals()[0]["turn_id"] == "run-0-mic-0"
    assert {event.body["turns"] for event in world.events if event.topic is None} == {"run-0-mic"}


def test_partials_and_final_share_the_id_that_the_final_before_gives() -> None:
    """The id ends in the sample at which the final before ended."""
    world = World()
    world.run(6.7)
    ids = [str(body["turn_id"]) for body in world.partials()]
    assert ids == ["run-1-mic-0"] * 5 + ["run-1-mic-40000"] * 5 + ["run-1-mic-88000"]
    assert [str(body["turn_id"]) for body in world.finals()] == ["run-1-mic-0", "run-1-mic-40000"]


def test_words_carry_the_time_at_which_they_were_said() -> None:
    """A jump of the capture's clock shows in the words behind it, and only there."""
    world = World()
    world.run(2.9)
    # Half a second was never captured (an overrun): sample numbers go on, time does not.
    world.run(0.5, speak=False)
    world.run(6)
    finished(world)
    starts: dict[str, float] = {}
    for body in world.finals():
        words = body["words"]
        assert isinstance(words, list)
        starts |= {word["text"]: word["start"] - UTC for word in words}
    assert starts["w1"] == pytest.approx(0.5, abs=0.03)
    assert starts["w8"] == pytest.approx(4.5, abs=0.03)
    assert starts["w4"] == pytest.approx(2.0, abs=0.03)


def test_a_final_carries_its_trace() -> None:
    """Four parts, none negative, that add up to the time from the word's end to the answer."""
    world = World()
    world.run(4)
    event = next(event for event in world.events if event.topic is Topic.FINAL)
    trace = event.body["latency_ms"]
    assert isinstance(trace, dict)
    assert set(trace) == {"capture", "denoise", "upstream", "recognize"}
    assert min(trace.values()) >= 0
    assert sum(trace.values()) == pytest.approx((event.received_at - event.spoken_at) * 1000, abs=1)
    assert event.spoken_at - UTC == pytest.approx(2.5, abs=0.03)


def test_us_double_finals_become_one_formatted() -> None:
    """With format_turns two messages end a turn; one final is published, the formatted one."""
    world = World(
        [Plan(double_finals=True)], config=replace(CONFIG, terms=Terms("u3-rt-pro", {"format_turns": True}))
    )
    world.run(8)
    whole(finished(world))
    assert world.finals()[0]["text"] == "W0 w1 w2 w3 w4."


def test_speaker_revisions_name_their_final() -> None:
    """New labels come under the id of the final; text and times stand."""
    world = World([Plan(revise=True)])
    world.run(5.5)
    finished(world)
    revised = [event.body for event in world.events if event.topic is Topic.REVISED]
    for new, old in zip(revised, world.finals(), strict=True):
        words = new["words"]
        assert isinstance(words, list)
        assert [word.pop("speaker") for word in words] == ["B"] * len(words)
        assert new == old


def test_an_outage_is_caught_up_in_order_within_the_pace() -> None:
    """One session; what was captured meanwhile follows at no more than 1.2 times real time."""
    world = World(config=IN_ORDER)
    world.run(5)
    world.line.reconnect(world.moment)
    world.unreachable = True
    world.run(20)
    assert world.line.state == "outage"
    assert upstream_of(world)["backlog_s"] == pytest.approx(22.5, abs=0.5)
    world.unreachable = False
    world.run(30)
    # Each second gains 0.2 on what comes in.
    assert upstream_of(world)["backlog_s"] == pytest.approx(22.5 - 30 * 0.2, abs=2)
    whole(finished(world))
    assert not any(body["backfill"] for body in world.finals())
    starts = [body["start"] for body in world.finals()]
    assert starts == sorted(starts, key=float)  # type: ignore[arg-type]
    assert upstream_of(world)["reconnects"] == 1


def test_an_outage_with_live_first_has_live_text_at_once() -> None:
    """The new session takes what is said now; a second one hears the backlog and marks it."""
    world = World(config=LIVE_FIRST)
    world.run(5)
    world.line.reconnect(world.moment)
    world.unreachable = True
    world.run(30)
    world.unreachable = False
    known = len(world.offered)
    back = world.now
    world.run(5)
    live = [
        event.body
        for event in world.offered[known:]
        if event.topic is Topic.PARTIAL and not event.body["backfill"]
    ]
    ends = [float(str(body["end"])) for body in live]
    assert back - 2 < min(ends) - UTC < back + 3
    world.run(60)
    whole(finished(world))
    changes = world.changes()
    assert changes.index("backfill-started") < changes.index("backfill-finished")
    late = [body for body in world.finals() if body["backfill"]]
    assert all(5 < float(str(body["start"])) - UTC < back for body in late[1:])


def test_a_session_is_replaced_before_it_expires() -> None:
    """The new one is up first; every word once; the old one is asked for its last words."""
    world = World([Plan(expires_in_s=20)], config=replace(CONFIG, rotate_before_s=10))
    world.run(60)
    whole(finished(world))
    rotations = upstream_of(world)["rotations"]
    assert isinstance(rotations, int)
    assert rotations >= 4
    assert upstream_of(world)["reconnects"] == 0
    assert world.changes().count("rotated") == upstream_of(world)["rotations"]
    assert all(record.messages[-1]["type"] == "Terminate" for record in world.records)
    assert "outage" not in world.changes()


def test_a_replacement_waits_for_a_pause_but_not_for_ever() -> None:
    """Nobody stops talking: the switch comes within the patience, and words are not doubled."""
    world = World(
        [Plan(expires_in_s=25)],
        config=replace(CONFIG, rotate_before_s=10),
        spoken=lambda word: word % 60 != 59,
    )
    world.run(40)
    whole(finished(world))
    assert "rotated" in world.changes()


def test_what_outlives_the_retention_is_given_up_and_said() -> None:
    """The oldest goes first, as expired; what is left is heard."""
    world = World(config=replace(IN_ORDER, retention_s=10))
    world.unreachable = True
    world.run(30)
    refused = [p for p in world.positions if isinstance(p, Refused)]
    assert {p.reason for p in refused} == {"expired"}
    assert refused[0].start == 0
    assert [p.start for p in refused[1:]] == [p.stop for p in refused[:-1]]
    given_up = refused[-1].stop
    assert given_up == pytest.approx(19 * RATE_HZ, abs=RATE_HZ)
    world.unreachable = False
    world.end()
    world.until(lambda: world.settled() == [(given_up, world.sample)])
    first = -(-given_up // 8000)
    assert world.words()[-10:] == world.expected()[-10:]
    assert int(world.words()[0][1:]) - first <= 1


def test_a_refused_key_is_not_tried_again_for_five_minutes() -> None:
    """Refused: the audio is kept, one probe in five minutes, and at once when an operator says so."""
    refusal = Plan(error=(1008, "Unauthorized Connection: Missing Authorization header"))
    world = World([refusal, refusal, Plan()], config=replace(CONFIG, retention_s=900))
    world.run(200)
    assert world.line.state == "refused"
    assert len(world.records) == 1
    assert world.changes() == ["connecting", "refused"]
    assert "key refused: 1008" in str(upstream_of(world)["error"])
    world.run(150)
    assert len(world.records) == 2
    assert world.changes() == ["connecting", "refused"]
    world.line.reconnect(world.moment)
    world.run(1)
    assert world.line.state == "open"
    assert upstream_of(world)["error"] is None
    assert upstream_of(world)["reconnects"] == 0


def test_retry_after_is_honoured() -> None:
    """A 429 that names 7 s is left alone for 7 s."""
    world = World([Plan(status=429, retry_after="7"), Plan()])
    world.run(6.9)
    assert len(world.records) == 1
    world.run(0.5)
    assert len(world.records) == 2


def test_attempts_back_off() -> None:
    """A service that fails for two minutes: a dozen attempts, not a hundred."""
    world = World([Plan(status=503)], config=replace(CONFIG, retention_s=600))
    world.run(120)
    assert 6 <= len(world.records) <= 14
    assert world.changes() == ["connecting", "outage"]


def test_where_nobody_is_reached_attempts_stay_close_at_first() -> None:
    """No network for a minute: no attempt costs the service anything, and the return is noticed soon."""
    world = World(config=replace(CONFIG, retention_s=900), budget=SessionBudget(5))
    world.unreachable = True
    world.run(60)
    assert 40 <= len(world.records) <= 100
    world.unreachable = False
    world.run(3)
    assert world.line.state == "open"
    world.line.reconnect(world.moment)
    world.unreachable = True
    known = len(world.records)
    world.run(600)
    assert len(world.records) - known < 480
    known = len(world.records)
    world.run(600, speak=False)
    assert len(world.records) - known < 40


def test_the_accounts_allowance_of_new_sessions_is_kept() -> None:
    """Five a minute, also where every session ends at once and in good order."""
    world = World(budget=SessionBudget(5))
    for _ in range(30):
        world.run(1)
        world.end()
        world.run(1, speak=False)
    assert len(world.records) <= 6
    world.until(world.all_settled, 900)
    whole(world)


def test_a_service_that_expires_every_session_at_once_is_not_hammered() -> None:
    """3008 means try at once, but only after a session that was of use."""
    world = World([Plan(error=(3008, "Session Expired"))])
    world.run(30)
    assert len(world.records) <= 10


def test_a_service_that_takes_its_time_to_come_up_is_no_outage() -> None:
    """The local recognizer loads a model first; nothing is said about it, and nothing lost."""
    world = World(config=replace(LIVE_FIRST, start_s=20))
    world.unreachable = True
    world.run(6)
    assert world.line.state == "connecting"
    world.unreachable = False
    world.run(3)
    assert world.changes() == ["connecting", "open"]
    whole(finished(world))


def test_a_muted_source_has_no_session_and_reopens_on_demand() -> None:
    """The end of a segment terminates its session; the next audio opens another at once."""
    world = World()
    world.run(3)
    world.end()
    world.run(5, speak=False)
    assert world.line.state == "closed"
    assert world.records[0].messages == [{"type": "Terminate"}]
    world.run(3)
    whole(finished(world))
    assert len(world.records) == 2
    assert world.changes() == ["connecting", "open", "closed"] * 2


def test_silence_is_settled_behind_a_guard_and_opens_no_hole() -> None:
    """Nobody speaks: ten seconds behind, audio is settled all the same."""
    world = World(spoken=lambda _: False)
    world.run(30)
    (start, stop), *rest = world.settled()
    assert (start, rest) == (0, [])
    assert 18 * RATE_HZ < stop <= 20 * RATE_HZ


def test_an_open_turn_is_not_settled() -> None:
    """Somebody talks for a minute: nothing behind the start of the turn is settled."""
    world = World(spoken=lambda word: word >= 40)
    world.run(80)
    ((_, stop),) = world.settled()
    assert stop <= 20 * RATE_HZ


def test_blocks_that_went_missing_are_asked_for_again() -> None:
    """A block that does not follow is not taken; the replay is asked for, at most once a second."""
    world = World()
    world.run(2)
    world.block(3200)
    world.run(1.5)
    replays = [p for p in world.positions if isinstance(p, Replay)]
    assert replays == [Replay("mic", From.RECEIVED)] * 2
    before = world.positions[world.positions.index(replays[0]) - 1]
    assert isinstance(before, Received)
    assert before.through == 32000
    assert world.line.counters()["missed_blocks"] > 10
    # The replay: a new pass, from what was received on.
    head, world.sample, world._follows = world.sample, 32000, 32000
    world.template = replace(world.template, pass_no=1, wanted=32000)
    while world.sample < head:
        world.line.block(world.block(), world.moment)
    world.run(2)
    whole(finished(world))


def test_audio_that_was_dropped_on_purpose_is_a_hole_and_no_loss() -> None:
    """Blocks that say that nothing follows in between are taken; times stay right behind the hole."""
    world = World()
    world.run(3)
    skipped = world.block(16000)
    world._follows = skipped.sample
    world.run(4)
    world.end()
    world.until(lambda: world.settled()[-1][1] == world.sample)
    assert not [p for p in world.positions if isinstance(p, Replay)]
    assert world.words() == [word for word in world.expected() if word not in ("w6", "w7")]


def test_an_end_that_comes_again_is_no_second_end() -> None:
    """A replay repeats the end of a segment; its session is not disturbed."""
    world = World()
    world.run(2)
    again = world.template
    world.end()
    world.line.block(replace(again, sample=world.sample, follows=world.sample, end=End.ENDED), world.moment)
    world.run(3)
    whole(finished(world))


def test_orders_reach_the_running_session() -> None:
    """`endpoint` and a live parameter are sent at once; the next session begins with the parameter."""
    world = World()
    world.run(1.2)
    world.line.endpoint()
    terms = Terms("u3-rt-pro", {"keyterms_prompt": ["heard"]})
    world.line.change(terms, "set", world.moment)
    world.run(0.3)
    assert len(world.received("ForceEndpoint")) == 1
    assert world.received("UpdateConfiguration") == [
        {"type": "UpdateConfiguration", "keyterms_prompt": ["heard"]}
    ]
    assert world.line.terms == terms
    assert world.finals()[0]["text"] == "w0 w1"
    world.line.reconnect(world.moment)
    world.run(1)
    assert world.records[-1].query["keyterms_prompt"] == '["heard"]'
    whole(finished(world))


def test_stop_asks_for_the_last_words() -> None:
    """Without the end of a segment: the session is terminated, its words come, nothing is opened."""
    world = World()
    world.run(4.2)
    world.line.stop()
    world.until(lambda: world.line.drained)
    whole(world)
    assert len(world.records) == 1


def test_partials_can_be_left_out() -> None:
    """With `publish.partials` off there are finals alone."""
    world = World(config=replace(CONFIG, partials=False))
    world.run(4)
    assert world.partials() == []
    assert len(world.finals()) == 1


def test_garbage_of_the_service_is_counted_and_changes_nothing() -> None:
    """Unreadable, unknown and untimely messages."""
    odd = ("", "[]", "null", '{"type":"Turn"}', b"\xff\xfe", '{"type":"Begin","id":"again"}')
    unknown = ('{"type":"Fanfare","volume":11}', '{"type":"Warning","warning_code":1,"warning":"careful"}')
    world = World([Plan(after_begin=(*odd, *unknown))])
    world.run(5)
    whole(finished(world))
    assert world.line.counters()["odd_messages"] == len(odd)


def test_turns_of_an_earlier_order_are_not_published_again() -> None:
    """A final for a turn that had one is counted and dropped."""
    again = (
        '{"type":"Turn","turn_order":0,"end_of_turn":true,"transcript":"w0 w0",'
        '"words":[{"text":"w0","start":0,"end":40,"confidence":1,"word_is_final":true}]}'
    )
    world = World([Plan(after_begin=(again, again))])
    world.run(0.3)
    assert [body["text"] for body in world.finals()] == ["w0 w0"]
    assert world.line.counters()["repeated_finals"] == 1
