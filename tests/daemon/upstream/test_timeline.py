"""Session milliseconds against captured samples."""

from hypothesis import given
from hypothesis import strategies as st

from heard.upstream.timeline import Timeline


def test_without_a_hole_time_is_an_offset() -> None:
    """Millisecond m is sample start + 16 m."""
    timeline = Timeline(16000)
    timeline.append(1000, 800)
    timeline.append(1800, 800)
    assert [timeline.start(ms) for ms in (0, 50, 99)] == [1000, 1800, 1000 + 99 * 16]
    assert [timeline.end(ms) for ms in (0, 50, 100)] == [1000, 1800, 2600]


def test_at_a_seam_an_end_belongs_before_and_a_start_behind() -> None:
    """A word that ends at the hole ends before it."""
    timeline = Timeline(16000)
    timeline.append(0, 800)
    timeline.append(5000, 800)
    assert timeline.end(50) == 800
    assert timeline.start(50) == 5000
    assert timeline.end(60) == 5160


def test_times_beyond_what_was_sent_are_its_end() -> None:
    """A server that counts wrong moves no word into the future."""
    timeline = Timeline(16000)
    timeline.append(0, 800)
    assert timeline.end(10_000) == 800
    assert timeline.start(10_000) == 800
    assert Timeline(16000).start(5) == 0


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 2000)), min_size=1, max_size=10))
def test_every_sample_that_was_sent_is_found(stretches: list[tuple[int, int]]) -> None:
    """At 1 sample per ms, each session sample maps to the captured one sent there."""
    timeline = Timeline(1000)
    captured: list[int] = []
    at = 0
    for skipped, samples in stretches:
        at += skipped
        timeline.append(at, samples)
        captured += range(at, at + samples)
        at += samples
    assert [timeline.start(ms) for ms in range(len(captured))] == captured
    assert [timeline.end(ms + 1) - 1 for ms in range(len(captured))] == captured
