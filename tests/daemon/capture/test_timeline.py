"""Segments follow each other, and every retained sample has its time."""

import random

import pytest

from heard.capture.timeline import MAX_ANCHORS, Timeline
from heard.wire.audio import End

RATE_HZ = 16_000


def test_segments_count_up_and_know_why_they_ended() -> None:
    """A segment begins where the last one ended; its time may be any."""
    timeline = Timeline()
    timeline.begin(0, 100.0)
    assert timeline.open
    timeline.end(RATE_HZ, End.MUTED)
    timeline.begin(RATE_HZ, 200.0)
    first, second = timeline.segments
    assert (first.number, first.start, first.stop, first.end) == (0, 0, RATE_HZ, End.MUTED)
    assert (second.number, second.start, second.stop) == (1, RATE_HZ, None)
    assert timeline.time_of(RATE_HZ - 1) == pytest.approx(101 - 1 / RATE_HZ)
    assert timeline.time_of(RATE_HZ) == 200.0
    assert timeline.time_after(RATE_HZ) == pytest.approx(101.0)
    with pytest.raises(ValueError, match="before the last one ended"):
        timeline.begin(RATE_HZ, 300.0)


def test_a_place_is_noted_only_when_it_is_news() -> None:
    """Less than a millisecond off is left to the extrapolation; a jump is kept."""
    timeline = Timeline()
    timeline.begin(0, 100.0)
    timeline.place(RATE_HZ, 101.0004)
    assert len(timeline.anchors) == 1
    timeline.place(2 * RATE_HZ, 102.5)
    assert timeline.time_of(2 * RATE_HZ) == 102.5
    assert timeline.time_of(2 * RATE_HZ - 1) < 102.0


def test_find_prefers_the_segment_that_ends_at_the_sample() -> None:
    """So its end is told again to whoever may have missed it."""
    timeline = Timeline()
    assert timeline.find(0) is None
    for start in (0, 100, 200):
        timeline.begin(start, 1.0 + start)
        timeline.end(start + 100, End.LOST)
    found = [timeline.find(sample) for sample in (0, 99, 100, 101, 300, 999)]
    assert [segment.number for segment in found if segment] == [0, 0, 0, 1, 2, 2]
    assert timeline.by_number(3) is None


def test_forgetting_keeps_what_describes_retained_samples() -> None:
    """Segments and anchors before them go; what they said of later samples stays true."""
    timeline = Timeline()
    for start in range(0, 1000, 100):
        timeline.begin(start, 5.0 * start)
        timeline.end(start + 100, End.LOST)
    timeline.forget(550)
    assert timeline.segments[0].number == 5
    assert timeline.time_of(550) == pytest.approx(2500.0 + 50 / RATE_HZ)
    timeline.forget(10_000)
    assert [segment.number for segment in timeline.segments] == [9]
    assert timeline.time_after(1000) == pytest.approx(4500.0 + 100 / RATE_HZ)


@pytest.mark.parametrize("seed", range(5))
def test_many_anchors_are_thinned_where_it_matters_least(seed: int) -> None:
    """The table stays bounded, segment starts stay exact and other times stay close."""
    rng = random.Random(seed)
    timeline = Timeline()
    timeline.begin(0, 10.0)
    times = {}
    for number in range(1, 2000):
        sample, time = number * 320, 10.0 + number * 0.02 + rng.uniform(-0.004, 0.004)
        if number == 300:
            timeline.end(sample, End.LOST)
            timeline.begin(sample, time)
            exact = time
        timeline.place(sample, time)
        times[sample] = time
    assert len(timeline.anchors) == MAX_ANCHORS
    assert timeline.time_of(300 * 320) == exact
    assert all(abs(timeline.time_of(sample) - time) < 0.02 for sample, time in times.items())


def test_numbers_that_were_skipped_take_no_place() -> None:
    """Between two segments: their samples lie side by side in the ring."""
    timeline = Timeline()
    timeline.begin(0, 1.0)
    timeline.end(100, End.RESTART)
    timeline.begin(1000, 2.0)
    timeline.end(1050, End.LOST)
    timeline.begin(1050, 3.0)
    assert [segment.skipped for segment in timeline.segments] == [0, 900, 900]
    assert timeline.places(90, 1060) == [(90, 100), (100, 150), (150, 160)]
    assert timeline.places(100, 1000) == []
    assert [timeline.newest(count, 1080) for count in (30, 31, 80, 81, 180, 999)] == [
        1050,
        1049,
        1000,
        99,
        0,
        0,
    ]

    held = [timeline.holding(sample) for sample in (0, 99, 100, 999, 1000, 1050, 9999)]
    assert [segment and segment.number for segment in held] == [0, 0, None, None, 1, 2, 2]
    assert Timeline().newest(5, 7) == 7
