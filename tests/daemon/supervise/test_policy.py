"""A process's life, without a process."""

from __future__ import annotations

from heard.supervise.policy import (
    FIRST_DELAY_S,
    GIVE_UP_AFTER,
    HEALTHY_S,
    LONGEST_DELAY_KILLED_S,
    LONGEST_DELAY_S,
    START_LIMIT_S,
    Life,
    State,
)


def _fail_start(life: Life, now: float) -> float:
    """Start and end before ready; return when the next start is due."""
    life.started(now)
    life.exited(now + 0.1)
    return life.due


def test_the_first_start_is_due_at_once() -> None:
    """A new life asks to be started, and the first start is no restart."""
    life = Life()
    assert life.start_due(0.0)
    life.started(0.0)
    assert (life.state, life.restarts) == (State.STARTING, 0)
    assert not life.start_due(100.0)


def test_delays_double_up_to_the_longest() -> None:
    """A process that keeps dying after it was ready is started ever later, but for ever."""
    life, now, delays = Life(), 0.0, []
    for _ in range(12):
        life.started(now)
        life.reported_ready(now)
        life.exited(now + 0.1)
        delays.append(round(life.due - now - 0.1, 6))
        now = life.due
    assert delays[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert delays[-1] == LONGEST_DELAY_S
    assert life.state is State.BACKING_OFF
    assert life.restarts == 11


def test_kills_are_no_crash_loop() -> None:
    """However often it is killed from outside, a process that gets ready is soon started again."""
    life, now, delays = Life(), 0.0, []
    for _ in range(12):
        life.started(now)
        life.reported_ready(now)
        life.exited(now + 0.1, killed=True)
        delays.append(round(life.due - now - 0.1, 6))
        now = life.due
    assert delays[0] == FIRST_DELAY_S
    assert delays[-1] == LONGEST_DELAY_KILLED_S == max(delays)


def test_a_kill_before_it_was_ready_counts_as_a_failed_start() -> None:
    """What the kernel kills at each start for want of memory is given up on like anything else."""
    life, now = Life(), 0.0
    for _ in range(GIVE_UP_AFTER):
        assert life.state is State.BACKING_OFF
        life.started(now)
        life.exited(now + 0.1, killed=True)
        now = life.due
    assert life.state is State.FAILED


def test_health_resets_the_delay() -> None:
    """Only time spent ready makes the next restart quick again."""
    life, now = Life(), 0.0
    for _ in range(5):
        life.started(now)
        life.reported_ready(now)
        life.exited(now + 0.1)
        now = life.due
    life.started(now)
    life.reported_ready(now)
    life.exited(now + HEALTHY_S)
    assert life.due == now + HEALTHY_S + FIRST_DELAY_S


def test_starts_that_never_get_ready_are_given_up_on() -> None:
    """After GIVE_UP_AFTER such starts in a row the process is `failed`, and stays so."""
    life, now = Life(), 0.0
    for _ in range(GIVE_UP_AFTER - 1):
        now = _fail_start(life, now)
        assert life.state is State.BACKING_OFF
    _fail_start(life, now)
    assert life.state is State.FAILED
    assert not life.start_due(now + 1e6)


def test_one_good_start_forgives_the_bad_ones() -> None:
    """A start that got ready begins the count anew."""
    life, now = Life(), 0.0
    for _ in range(GIVE_UP_AFTER - 1):
        now = _fail_start(life, now)
    life.started(now)
    life.reported_ready(now)
    life.exited(now + 1)
    _fail_start(life, life.due)
    assert life.state is State.BACKING_OFF


def test_a_start_that_hangs_is_overdue() -> None:
    """Only a start is limited in time; a ready process is never overdue."""
    life = Life()
    life.started(0.0)
    assert not life.overdue(START_LIMIT_S)
    assert life.overdue(START_LIMIT_S + 0.1)
    life.reported_ready(1.0)
    assert not life.overdue(1e6)


def test_an_exit_after_stop_is_no_failure() -> None:
    """A process that was asked to end is not started again."""
    life = Life()
    life.started(0.0)
    life.stop()
    life.exited(1.0)
    assert life.state is State.STOPPING
    assert not life.start_due(1e6)
