"""The session's table of states: every state meets every input."""

from collections.abc import Callable

import pytest

from heard.upstream.backoff import Failure, Kind
from heard.upstream.happenings import (
    Abort,
    Action,
    Began,
    Close,
    Failed,
    HeardTurn,
    ReceivedThrough,
    SendAudio,
    SendPing,
    SendText,
    SilentThrough,
    SpeechBegan,
    Terminated,
    Warned,
)
from heard.upstream.session import Session
from heard.upstream.states import TRANSITIONS, Input, Limits, LocalProtocolError, State

RATE_HZ = 16000
BEGIN = '{"type":"Begin","id":"s1","expires_at":1772570132}'
TERMINATION = '{"type":"Termination"}'
NETWORK = Failure(Kind.NETWORK, "reset", 1006)


def frame(ms: int = 50, sample: int = 0) -> list[tuple[int, bytes]]:
    """Return one part of so many ms."""
    return [(sample, b"\1\0" * (RATE_HZ * ms // 1000))]


def turn(order: int, text: str, *, final: bool = False, formatted: bool = True, start: int = 0) -> str:
    """Return a Turn of one word of 100 ms."""
    word = f'{{"text":"{text}","start":{start},"end":{start + 100},"confidence":1,"word_is_final":true}}'
    return (
        f'{{"type":"Turn","turn_order":{order},"end_of_turn":{str(final).lower()},"turn_is_formatted":'
        f'{str(formatted).lower()},"transcript":"{text}","words":[{word}]}}'
    )


def at(state: State, *, format_turns: bool = False) -> Session:
    """Return a session in `state`, its outputs taken."""
    session = Session(Limits(), RATE_HZ, format_turns=format_turns, now=0.0)
    if state is not State.CONNECTING:
        session.connected(0.0)
    if state in (State.LIVE, State.DRAINING, State.CLOSED):
        session.received(BEGIN, 0.0)
    if state in (State.DRAINING, State.CLOSED):
        session.terminate([], 0.0)
    if state is State.CLOSED:
        session.received(TERMINATION, 0.0)
    session.actions()
    session.happenings()
    return session


INPUTS: dict[Input, Callable[[Session], None]] = {
    Input.CONNECTED: lambda session: session.connected(0.0),
    Input.BEGIN: lambda session: session.received(BEGIN, 0.0),
    Input.MESSAGE: lambda session: session.received(turn(0, "a"), 0.0),
    Input.TERMINATION: lambda session: session.received(TERMINATION, 0.0),
    Input.PONG: lambda session: session.pong(0.0),
    Input.LOST: lambda session: session.lost(NETWORK),
    Input.AUDIO: lambda session: session.audio(frame()),
    Input.CONFIGURE: lambda session: session.configure({"vad_threshold": 0.5}),
    Input.ENDPOINT: lambda session: session.endpoint(),
    Input.TERMINATE: lambda session: session.terminate([], 0.0),
    Input.ABANDON: lambda session: session.abandon(Failure(Kind.OPERATOR, "order")),
    Input.TICK: lambda session: session.tick(0.0),
}


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_input_in_every_state(state: State, event: Input) -> None:
    """What the table allows leads where it says; anything else raises and changes nothing."""
    session = at(state)
    target = TRANSITIONS[state].get(event)
    if target is None:
        with pytest.raises(LocalProtocolError, match=f"{event} in state {state}"):
            INPUTS[event](session)
        assert session.state is state
        assert session.actions() == []
        assert session.happenings() == []
    else:
        INPUTS[event](session)
        assert session.state is target


def test_every_end_says_so_once() -> None:
    """Each way into `closed` gives exactly one Terminated or Failed, as the last happening."""
    for state in State:
        for event in (Input.LOST, Input.ABANDON, Input.TERMINATION):
            if TRANSITIONS[state].get(event) is State.CLOSED:
                session = at(state)
                INPUTS[event](session)
                happenings = session.happenings()
                assert sum(isinstance(each, Terminated | Failed) for each in happenings) == 1
                assert isinstance(happenings[-1], Terminated | Failed)


@pytest.mark.parametrize("ms", [0, 49, 1001])
def test_frames_outside_50_to_1000_ms_are_ours_to_prevent(ms: int) -> None:
    """The service would close the session; so it is an error before anything is sent."""
    session = at(State.LIVE)
    with pytest.raises(LocalProtocolError, match="50 to 1000 ms"):
        session.audio(frame(ms))
    assert session.actions() == []


def test_half_a_sample_is_never_sent() -> None:
    """Neither in a frame nor in the tail."""
    session = at(State.LIVE)
    with pytest.raises(LocalProtocolError, match="half a sample"):
        session.audio([(0, b"\1" * 1601)])
    with pytest.raises(LocalProtocolError, match="half a sample"):
        session.terminate([(0, b"\1")], 0.0)


def test_a_short_tail_is_padded_and_the_padding_is_no_audio() -> None:
    """10 ms become 50 ms; a word that ends in the padding ends with the last sample."""
    session = at(State.LIVE)
    session.audio(frame(100, sample=4000))
    session.terminate(frame(10, sample=5600), 0.0)
    _, tail, text = session.actions()
    assert isinstance(tail, SendAudio)
    assert tail.pcm == b"\1\0" * 160 + bytes(2 * 640)
    assert text == SendText('{"type":"Terminate"}')
    session.received(turn(0, "a", final=True, start=50), 1.0)
    (heard,) = session.happenings()
    assert isinstance(heard, HeardTurn)
    assert (heard.words[0].start, heard.words[0].end) == (4800, 4000 + 150 * 16)


def test_times_are_captured_samples_also_behind_a_hole() -> None:
    """What was skipped is missing from the session's time, not from ours."""
    session = at(State.LIVE)
    session.audio(frame(100, sample=1000))
    session.audio([*frame(30, sample=50_000), *frame(30, sample=90_000)])
    session.received('{"type":"SpeechStarted","timestamp":100}', 0.0)
    session.received('{"type":"Heartbeat","total_audio_received_ms":100}', 0.0)
    session.received('{"type":"Silence","start_ms":0,"end_ms":140}', 0.0)
    assert session.happenings() == [
        SpeechBegan(50_000),
        ReceivedThrough(2600),
        SilentThrough(90_000 + 10 * 16),
    ]


def test_only_begin_proves_a_session() -> None:
    """An open socket with an Error is a failure with the Error's whole text, whatever the close says."""
    session = at(State.OPEN)
    session.received('{"type":"Error","error_code":1008,"error":"Unauthorized: a long story"}', 0.0)
    session.lost(Failure(Kind.CLOSE, "See Error message for details", 1008))
    assert session.happenings() == [Failed(Failure(Kind.CLOSE, "Unauthorized: a long story", 1008))]


def test_an_error_without_its_close_ends_the_session_all_the_same() -> None:
    """Two seconds later."""
    session = at(State.LIVE)
    session.received('{"type":"Error","error_code":3005,"error":"gone"}', 0.0)
    ticked(session, 0.0, 1.9)
    assert session.state is State.LIVE
    assert ticked(session, 1.9, 2.1)[-1] == Abort()
    assert session.happenings() == [Failed(Failure(Kind.CLOSE, "gone", 3005))]


def ticked(session: Session, start: float, stop: float) -> list[Action]:
    """Tick ten times a second and return all actions."""
    actions: list[Action] = []
    now = start
    while now < stop:
        now = round(now + 0.1, 3)
        session.tick(now)
        actions += session.actions()
    return actions


@pytest.mark.parametrize(
    ("state", "limit_s", "failure"),
    [
        (State.CONNECTING, 10, Failure(Kind.NETWORK, "no connection within 10 s")),
        (State.OPEN, 10, Failure(Kind.TIMEOUT, "no Begin within 10 s")),
        (State.DRAINING, 6, Failure(Kind.TIMEOUT, "no Termination within 6 s")),
    ],
)
def test_every_wait_has_a_deadline(state: State, limit_s: int, failure: Failure) -> None:
    """A server that says nothing is given up, though it answers pings."""
    session = at(state)
    now = 0.0
    while session.state is not State.CLOSED:
        now = round(now + 0.1, 3)
        session.tick(now)
        if session.state in (State.OPEN, State.DRAINING):
            session.pong(now)
        assert now <= limit_s + 0.2
    assert now >= limit_s
    assert session.happenings() == [Failed(failure)]
    assert session.actions()[-1] == Abort()


def test_a_dead_peer_is_noticed_within_ten_seconds() -> None:
    """Whenever it dies: no more than ten seconds later the session is over."""
    for died in (0.0, 1.5, 2.9, 3.1, 4.4):
        session = at(State.LIVE)
        now = 0.0
        while session.state is State.LIVE:
            now = round(now + 0.1, 3)
            session.tick(now)
            if SendPing() in session.actions() and now < died:
                session.pong(now)
            assert now < died + 10
        (failed,) = session.happenings()
        assert isinstance(failed, Failed)
        assert failed.failure.kind is Kind.DEAD


def test_a_living_peer_is_left_alone() -> None:
    """Pongs, pings and messages all count; a minute of silence is no fault."""
    session = at(State.LIVE)
    now = 0.0
    pings = 0
    while now < 60:
        now = round(now + 0.1, 3)
        session.tick(now)
        for _ in session.actions():
            pings += 1
            session.pong(now)
    assert session.state is State.LIVE
    assert 15 <= pings <= 20


def test_time_in_which_we_did_not_run_is_not_held_against_the_peer() -> None:
    """Stopped for a minute with a ping under way: the answer is taken, the session lives."""
    session = at(State.LIVE)
    ticked(session, 0.0, 3.2)
    session.tick(63.0)
    assert session.state is State.LIVE
    session.pong(63.0)
    ticked(session, 63.0, 66.0)
    assert session.state is State.LIVE


def test_an_orderly_close_without_termination_counts_as_one() -> None:
    """Code 1000 after our Terminate."""
    session = at(State.DRAINING)
    session.lost(Failure(Kind.CLOSE, "", 1000))
    assert session.happenings() == [Terminated()]


def test_a_close_that_nobody_asked_for_is_a_failure() -> None:
    """Also with code 1000."""
    session = at(State.LIVE)
    session.lost(Failure(Kind.CLOSE, "", 1000))
    assert session.happenings() == [Failed(Failure(Kind.CLOSE, "", 1000))]


def test_a_held_raw_final_is_told_before_the_end() -> None:
    """The formatted one never came: nothing is lost with the connection, or with a short wait."""
    session = at(State.LIVE, format_turns=True)
    session.received(turn(0, "raw", final=True, formatted=False), 0.0)
    assert session.happenings() == []
    session.lost(NETWORK)
    heard, failed = session.happenings()
    assert isinstance(heard, HeardTurn)
    assert heard.final
    assert failed == Failed(NETWORK)


def test_leaving_a_session_says_terminate_first() -> None:
    """Else the service keeps it, and bills it, for hours."""
    session = at(State.LIVE)
    session.abandon(Failure(Kind.OPERATOR, "order"))
    assert session.actions() == [SendText('{"type":"Terminate"}'), Close()]
    session = at(State.CONNECTING)
    session.abandon(Failure(Kind.OPERATOR, "order"))
    assert session.actions() == [Abort()]


def test_what_begin_and_warnings_tell() -> None:
    """Id and expiry; a warning's code and text; a second Begin is odd."""
    session = at(State.OPEN)
    session.received(BEGIN, 0.0)
    session.received('{"type":"Warning","warning_code":7,"warning":"hm"}', 0.0)
    session.received(BEGIN, 0.0)
    assert session.happenings() == [Began("s1", 1772570132.0, None), Warned("7: hm")]
    assert session.oddities == 1


def test_a_turn_before_begin_is_odd() -> None:
    """It is counted and not told."""
    session = at(State.OPEN)
    session.received(turn(0, "a", final=True), 0.0)
    assert session.happenings() == []
    assert session.oddities == 1
