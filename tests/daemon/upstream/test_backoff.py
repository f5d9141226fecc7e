"""What a failure means, and when to try again."""

from itertools import islice
from random import Random

import pytest

from heard.upstream.backoff import (
    BUSY_S,
    HEALTHY_S,
    LONGEST_S,
    NEAR_FOR_S,
    NEAR_S,
    PROBE_S,
    THERE_S,
    Backoff,
    Failure,
    Kind,
    SessionBudget,
    Verdict,
    classify,
    delays,
)


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (1000, "", Verdict.BACKOFF),
        (1001, "", Verdict.BACKOFF),
        (1006, "", Verdict.BACKOFF),
        (1011, "", Verdict.BACKOFF),
        (1012, "", Verdict.BACKOFF),
        (1013, "", Verdict.BACKOFF),
        (1008, "Unauthorized Connection: Missing Authorization header", Verdict.REFUSED),
        (1008, "Insufficient balance", Verdict.REFUSED),
        (1008, "Unauthorized Connection: Too many concurrent sessions", Verdict.BUSY),
        (3009, "Too many concurrent sessions", Verdict.BUSY),
        (3005, "Session Cancelled: An error occurred", Verdict.BACKOFF),
        (3005, "Session Expired: Maximum session duration exceeded", Verdict.NOW),
        (3005, "Not authorized", Verdict.REFUSED),
        (3006, "Invalid JSON", Verdict.WRONG),
        (3007, "Audio Transmission Rate Exceeded", Verdict.SLOWER),
        (3008, "Session Expired", Verdict.NOW),
        (4000, "", Verdict.WRONG),
        (4001, "", Verdict.REFUSED),
        (4002, "", Verdict.REFUSED),
        (4003, "", Verdict.REFUSED),
        (4029, "", Verdict.BACKOFF),
        (4031, "", Verdict.BACKOFF),
        (4101, "", Verdict.WRONG),
        (4102, "", Verdict.BUSY),
        (4999, "", Verdict.BACKOFF),
    ],
)
def test_close_codes(code: int, text: str, verdict: Verdict) -> None:
    """The reference's table; of 1008 and 3005 the text decides."""
    assert classify(Failure(Kind.CLOSE, text, code)) is verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (302, Verdict.WRONG),
        (400, Verdict.WRONG),
        (401, Verdict.REFUSED),
        (403, Verdict.REFUSED),
        (404, Verdict.WRONG),
        (429, Verdict.BUSY),
        (500, Verdict.BACKOFF),
        (503, Verdict.BACKOFF),
    ],
)
def test_http_statuses(status: int, verdict: Verdict) -> None:
    """An upgrade that is answered with a status."""
    assert classify(Failure(Kind.HTTP, "", status)) is verdict


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.TIMEOUT, Kind.DEAD, Kind.PROTOCOL])
def test_whatever_breaks_is_tried_again(kind: Kind) -> None:
    """With backoff."""
    assert classify(Failure(kind, "")) is Verdict.BACKOFF


def test_delays_double_up_to_thirty_seconds_with_jitter() -> None:
    """Each lies between a half and the whole of 0.5, 1, 2 … 30."""
    for index, delay in enumerate(islice(delays(Random(3)), 12)):
        longest = min(LONGEST_S, 0.5 * 2**index)
        assert longest / 2 <= delay <= longest


def waits(
    backoff: Backoff, failure: Failure, count: int, healthy_s: float = 0.0, *, reached: bool = True
) -> list[float]:
    """Return how long each of `count` failures in a row makes wait."""
    found = []
    now = 0.0
    for _ in range(count):
        backoff.failed(failure, now, healthy_s, reached=reached)
        found.append(backoff.due - now)
        now = backoff.due
    return found


def test_only_a_healthy_session_makes_the_next_failure_a_first_one() -> None:
    """One that failed at once goes on where the backoff was."""
    failure = Failure(Kind.CLOSE, "", 1011)
    assert max(waits(Backoff(Random(1)), failure, 10, HEALTHY_S - 1)) > 10
    assert max(waits(Backoff(Random(1)), failure, 10, HEALTHY_S)) <= 0.5


def test_where_nobody_is_reached_attempts_stay_near_for_five_minutes() -> None:
    """Then they grow apart like all others."""
    found = waits(Backoff(Random(1)), Failure(Kind.NETWORK, ""), 500, reached=False)
    assert max(found[:290]) <= NEAR_S + 1e-6
    assert sum(found[:430]) > NEAR_FOR_S
    assert max(found) > 10


def test_a_service_that_was_reached_and_broke_is_given_more_time_each_time() -> None:
    """It may have cost a session each time; what reached nobody meanwhile does not add to it."""
    backoff, broken = Backoff(Random(1)), Failure(Kind.NETWORK, "reset", 1006)
    assert max(waits(backoff, broken, 3)) > NEAR_S
    for now in range(10, 30):
        backoff.failed(broken, float(now), 0.0, reached=False)
        assert backoff.due <= now + NEAR_S
    backoff.failed(broken, 40.0, 0.0)
    assert 2.0 <= backoff.due - 40.0 <= 4.0


def test_an_attempt_that_came_to_nothing_beside_others_makes_nobody_wait() -> None:
    """The others are still under way; an answer of the service's counts all the same."""
    backoff = Backoff(Random(1))
    backoff.failed(Failure(Kind.NETWORK, ""), 5.0, 0.0, reached=False, alone=False)
    assert backoff.due == 0.0
    assert not backoff.near(5.0 + NEAR_FOR_S)
    backoff.failed(Failure(Kind.HTTP, "", 429, 9.0), 6.0, 0.0, alone=False)
    assert backoff.due == 15.0


def test_a_session_makes_the_next_outage_a_new_one() -> None:
    """Attempts are close again in its first minutes."""
    backoff = Backoff(Random(1))
    backoff.failed(Failure(Kind.NETWORK, ""), 0.0, 0.0, reached=False)
    assert not backoff.near(NEAR_FOR_S)
    backoff.began()
    assert backoff.near(NEAR_FOR_S)


def test_where_another_source_got_through_nobody_waits_for_the_network_any_more() -> None:
    """Late in an outage too; but whom the service itself told to wait goes on waiting."""
    backoff, gone = Backoff(Random(1)), Failure(Kind.NETWORK, "")
    waits(backoff, gone, 500, reached=False)
    now = backoff.due
    backoff.failed(gone, now, 0.0, reached=False)
    assert backoff.due > now + 2 * THERE_S
    backoff.there(now)
    due = backoff.due
    assert due <= now + THERE_S
    assert backoff.near(due), "an attempt that hangs gets another beside it"
    backoff.there(now + 0.01)
    assert backoff.due == due, "once"
    backoff.failed(Failure(Kind.HTTP, "", 429, 9.0), now + 1, 0.0)
    backoff.there(now + 1)
    assert backoff.due == now + 10


def test_sessions_that_fail_together_make_one_failure() -> None:
    """Live audio and backlog are cut off at once; what is refused stays so."""
    broken, once, twice = Failure(Kind.NETWORK, ""), Backoff(Random(1)), Backoff(Random(1))
    for backoff in (once, twice, twice):
        backoff.failed(broken, 100.0, 0.0)
    assert twice.due == once.due
    twice.failed(Failure(Kind.HTTP, "", 401), 100.1, 0.0)
    twice.failed(broken, 100.2, 0.0)
    assert (twice.due, twice.refused) == (100.1 + PROBE_S, True)


def test_refusals_are_probed_slowly() -> None:
    """No sooner than five minutes; at once when an operator says so."""
    backoff = Backoff(Random(1))
    assert backoff.failed(Failure(Kind.HTTP, "", 401), 100.0, 0.0) is Verdict.REFUSED
    assert backoff.due == 100.0 + PROBE_S
    assert backoff.refused
    backoff.at_once()
    assert backoff.due == 0.0
    assert not backoff.refused


def test_a_busy_service_is_left_alone() -> None:
    """As long as it says, else half a minute or more."""
    backoff = Backoff(Random(1))
    backoff.failed(Failure(Kind.HTTP, "", 429, 12.0), 0.0, 0.0)
    assert backoff.due == 12.0
    backoff.failed(Failure(Kind.CLOSE, "", 3009), 0.0, 0.0)
    assert BUSY_S <= backoff.due <= 1.5 * BUSY_S


def test_an_absurd_retry_after_is_bounded() -> None:
    """An hour at most."""
    backoff = Backoff(Random(1))
    backoff.failed(Failure(Kind.HTTP, "", 503, 1e9), 0.0, 0.0)
    assert backoff.due == 3600.0


def test_a_pace_that_is_refused_twice_is_our_bug() -> None:
    """Once more and slower; then a person must look."""
    backoff = Backoff(Random(1))
    failure = Failure(Kind.CLOSE, "", 3007)
    assert backoff.failed(failure, 0.0, 0.0) is Verdict.SLOWER
    assert backoff.failed(failure, 0.0, 0.0) is Verdict.WRONG


def test_an_expired_session_is_replaced_at_once_if_it_was_of_use() -> None:
    """A server that expires each at once gets the backoff."""
    backoff = Backoff(Random(1))
    assert backoff.failed(Failure(Kind.CLOSE, "", 3008), 5.0, 100.0) is Verdict.NOW
    assert backoff.due == 5.0
    assert backoff.failed(Failure(Kind.CLOSE, "", 3008), 5.0, 0.0) is Verdict.BACKOFF


def test_the_budget_is_a_rolling_minute() -> None:
    """Five in any sixty seconds; what did not reach the service is given back."""
    budget = SessionBudget(5)
    assert [budget.take(float(second)) for second in range(6)] == [True] * 5 + [False]
    budget.refund(4.0)
    assert budget.take(6.0)
    assert not budget.take(59.9)
    assert budget.take(60.0)
    assert all(SessionBudget(None).take(0.0) for _ in range(100))
