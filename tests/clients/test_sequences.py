"""Holes in sequence numbers, and what is none."""

from hypothesis import given
from hypothesis import strategies as st

from heard_client.sequences import Missed, Sequences

TOPIC = "transcript.final.mic"


def test_what_came_before_joining_is_not_missed() -> None:
    """A subscriber that comes late sees a number above 1 first."""
    numbers = Sequences()
    assert numbers.take(TOPIC, "a", 40) is None
    assert numbers.take(TOPIC, "a", 41) is None


def test_a_hole_is_reported_once_with_its_first_and_last_number() -> None:
    """Both ends are included: they can be asked for as they are."""
    numbers = Sequences()
    numbers.take(TOPIC, "a", 1)
    missed = numbers.take(TOPIC, "a", 5)
    assert missed == Missed(TOPIC, "a", 2, 4)
    assert missed.count == 3
    assert numbers.take(TOPIC, "a", 6) is None


def test_topics_count_apart() -> None:
    """`seq` counts per full topic, source included."""
    numbers = Sequences()
    assert numbers.take(TOPIC, "a", 7) is None
    assert numbers.take("transcript.final.line", "a", 1) is None
    assert numbers.take(TOPIC, "a", 8) is None


def test_a_number_that_was_there_before_changes_nothing() -> None:
    """A message that is sent twice is neither a hole nor a step back."""
    numbers = Sequences()
    for seq in (1, 2, 3, 2, 4):
        assert numbers.take(TOPIC, "a", seq) is None


def test_a_run_that_follows_another_counts_from_its_first_message() -> None:
    """Whoever was there before the restart ought to have seen all of the new run, on every topic."""
    numbers = Sequences()
    numbers.take(TOPIC, "a", 9)
    assert numbers.take(TOPIC, "b", 1) is None
    assert numbers.run == "b"
    assert numbers.take("gap.mic", "b", 3) == Missed("gap.mic", "b", 1, 2)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_missed_and_arrived_add_up(arrives: list[bool]) -> None:
    """Whatever is lost after the first message: what arrived and what is missed make the last number."""
    numbers = Sequences()
    numbers.take(TOPIC, "a", 1)
    arrived, missed, last = 1, 0, 1
    for seq, there in enumerate(arrives, 2):
        if there:
            hole = numbers.take(TOPIC, "a", seq)
            missed += hole.count if hole else 0
            arrived, last = arrived + 1, seq
    assert arrived + missed == last
