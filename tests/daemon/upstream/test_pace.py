"""How fast audio may be sent."""

from heard.upstream.pace import BURST_S, CATCH_UP, Pace, slower


def sent(pace: Pace, seconds: float) -> float:
    """Send frames of 50 ms whenever allowed, for so long; return how much audio that was."""
    total = 0.0
    for step in range(round(seconds * 100)):
        now = step / 100
        while pace.allows(0.05, now):
            pace.spend(0.05, now)
            total += 0.05
            assert total < 10_000
    return total


def test_a_backlog_goes_at_one_and_a_fifth_times_real_time() -> None:
    """And a second of it at once."""
    total = sent(Pace(CATCH_UP, 0.0), 100)
    assert 100 * CATCH_UP <= total <= 100 * CATCH_UP + BURST_S + 0.05


def test_five_minutes_ahead_are_never_reached() -> None:
    """An hour of backlog: the service, at 1.25 times real time, is never behind by more than the burst."""
    assert sent(Pace(CATCH_UP, 0.0), 3600) - 3600 * 1.25 < 1


def test_live_audio_is_never_held_back() -> None:
    """A frame each 50 ms, also 100 at once after a hiccup of a second."""
    pace = Pace(CATCH_UP, 0.0)
    for step in range(1, 1000):
        assert pace.allows(0.05, step * 0.05)
        pace.spend(0.05, step * 0.05)


def test_without_a_rate_there_is_no_limit() -> None:
    """The local recognizer says itself when it has enough."""
    pace = Pace(None, 0.0)
    pace.spend(1000.0, 0.0)
    assert pace.allows(1.0, 0.0)


def test_after_a_complaint_it_is_real_time() -> None:
    """And stays slower where it was."""
    assert slower(CATCH_UP) == 1.0
    assert slower(None) == 1.0
    assert slower(0.5) == 0.5
