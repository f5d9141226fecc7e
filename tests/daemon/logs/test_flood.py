"""What passes of a flood, and what is told of the rest."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.logs.flood import MOST_KINDS, Flood, Held


def test_the_first_few_pass_and_the_rest_is_told_once() -> None:
    """Three of ten; the other seven when the period is over."""
    flood = Flood(burst=3, period_s=10)
    assert [flood.passes("a", 0.1 * n) for n in range(10)] == [True] * 3 + [False] * 7
    assert flood.due(9.9) == []
    assert flood.next_due() == 10
    assert flood.due(10) == [Held("a", 7, 10)]
    assert flood.due(10) == []
    assert flood.next_due() is None


def test_a_flood_that_goes_on_passes_once_a_period() -> None:
    """After the count one more is heard, then the next count."""
    flood = Flood(burst=3, period_s=10)
    for n in range(100):
        flood.passes("a", n / 10)
    flood.due(10)
    assert [flood.passes("a", 10 + n) for n in range(4)] == [True, False, False, False]
    assert flood.due(20) == [Held("a", 3, 10)]


def test_after_a_quiet_period_it_is_news_again() -> None:
    """All of the burst passes."""
    flood = Flood(burst=2, period_s=10)
    assert [flood.passes("a", 0), flood.passes("a", 1)] == [True, True]
    assert [flood.passes("a", 10), flood.passes("a", 11), flood.passes("a", 12)] == [True, True, False]


def test_one_message_does_not_silence_another() -> None:
    """Each kind is counted by itself."""
    flood = Flood(burst=1)
    assert flood.passes("a", 0)
    assert not flood.passes("a", 0)
    assert flood.passes("b", 0)


def test_many_kinds_take_no_more_memory() -> None:
    """Messages that hold something back are kept, so that they are told of."""
    flood = Flood(burst=1)
    flood.passes("kept", 0)
    flood.passes("kept", 0)
    for n in range(3 * MOST_KINDS):
        assert flood.passes(n, n / 100)
    assert len(flood._kinds) <= MOST_KINDS + 1
    assert [held.kind for held in flood.due(1000)] == ["kept"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=200))
def test_every_message_is_said_or_counted(steps: list[tuple[str, float]]) -> None:
    """Whatever comes when: what passed and what is told of add up."""
    flood = Flood(burst=2, period_s=7)
    now, passed, told = 0.0, 0, 0
    for kind, pause in steps:
        now += pause
        told += sum(held.count for held in flood.due(now))
        passed += flood.passes(kind, now)
    assert passed + told + sum(held.count for held in flood.due(now, all_of_them=True)) == len(steps)
