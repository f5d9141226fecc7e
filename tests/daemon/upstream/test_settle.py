"""Which sent samples are settled, and by what."""

from heard.upstream.settle import (
    CONFIRMED_GUARD_S,
    EMPTY_TURN_S,
    GUARD_S,
    ONSET_S,
    SILENCE_GUARD_S,
    Settler,
)

RATE_HZ = 1000
"""A sample a millisecond."""


def fed(settler: Settler, start_s: float, stop_s: float, *, received: bool = False) -> None:
    """Send audio in real time, ticking as time passes."""
    ms = round(start_s * 1000)
    while ms < stop_s * 1000:
        ms += 50
        settler.sent(ms, ms / 1000)
        if received:
            settler.received(ms, ms / 1000)
        settler.tick(ms / 1000)


def test_a_final_settles_up_to_its_last_word() -> None:
    """And not beyond what was sent."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 3)
    settler.partial(1000)
    settler.final(2500)
    assert settler.settled == 2500
    settler.final(9000)
    assert settler.settled == 3000


def test_a_final_without_words_settles_nothing() -> None:
    """But the turn is over."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 3)
    settler.speech(1000)
    settler.final(None)
    assert settler.settled == 0
    assert not settler.turn_open


def test_the_orderly_end_settles_all_that_was_sent() -> None:
    """Also an open turn: nothing more is to come."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 3)
    settler.partial(1000)
    settler.all_sent()
    assert settler.settled == 3000


def test_silence_settles_behind_the_guard() -> None:
    """Ten seconds behind what was sent, and ten seconds after it was."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, GUARD_S)
    assert settler.settled == 0
    fed(settler, GUARD_S, 25)
    assert 14_500 <= settler.settled <= 15_000


def test_what_was_sent_at_once_is_not_settled_at_once() -> None:
    """A burst of a minute says nothing of what the service has heard of it."""
    settler = Settler(0, RATE_HZ)
    settler.sent(60_000, 0.0)
    settler.tick(GUARD_S - 0.1)
    assert settler.settled == 0


def test_heartbeats_settle_sooner_and_never_beyond_the_services_count() -> None:
    """What the service does not have is not settled, however long ago it was sent."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 25, received=True)
    assert 18_500 <= settler.settled <= 25_000 - CONFIRMED_GUARD_S * 1000
    slow = Settler(0, RATE_HZ)
    slow.sent(60_000, 0.0)
    slow.received(1000, 0.1)
    slow.tick(100.0)
    assert slow.settled == 0


def test_the_services_own_silence_settles_at_once() -> None:
    """But for the guard; never the open turn."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 5)
    settler.silent(4000)
    assert settler.settled == 4000 - SILENCE_GUARD_S * 1000
    settler.partial(4200)
    settler.silent(5000)
    assert settler.settled <= 4200


def test_nothing_behind_the_start_of_an_open_turn_is_settled() -> None:
    """Less the onset that a service names late."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 5)
    settler.partial(4000)
    fed(settler, 5, 60)
    assert settler.settled <= 4000 - ONSET_S * 1000


def test_an_onset_that_text_never_followed_is_forgotten() -> None:
    """Noise that looked like speech does not hold the audio for ever."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 5)
    settler.speech(4000)
    fed(settler, 5, EMPTY_TURN_S)
    assert settler.settled < 4000
    fed(settler, EMPTY_TURN_S, EMPTY_TURN_S + 20)
    assert settler.settled > 30_000


def test_a_late_word_of_what_is_settled_reopens_nothing() -> None:
    """An onset before the last final is that final's own."""
    settler = Settler(0, RATE_HZ)
    fed(settler, 0, 5)
    settler.final(4000)
    settler.speech(3000)
    fed(settler, 5, 6)
    assert settler.settled == 4000
