"""Audio and times of one source, from the oldest unsettled sample on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.upstream.backlog import Backlog
from heard.wire.audio import Block

from ...support.coded_audio import coded


def block(sample: int, samples: int, time: float | None = None) -> Block:
    """Return a block of coded audio at 1000 Hz."""
    time = sample / 1000 if time is None else time
    return Block("mic", sample, time, coded(sample, samples), handed=time + 0.05, denoised=time + 0.1)


def test_reading_joins_blocks_and_leaves_holes_out() -> None:
    """Stretches with their first sample, as many samples as asked for."""
    backlog = Backlog(1000)
    for sample, samples in ((0, 10), (10, 10), (50, 10)):
        backlog.add(block(sample, samples))
    assert backlog.read(5, 10) == [(5, coded(5, 10))]
    assert backlog.read(5, 20) == [(5, coded(5, 15)), (50, coded(50, 5))]
    assert backlog.read(30, 5) == [(50, coded(50, 5))]
    assert backlog.read(5, 100, 12) == [(5, coded(5, 7))]
    assert backlog.read(5, 100, 40) == [(5, coded(5, 15))]
    assert backlog.read(60, 5) == []


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(0, 900), st.integers(1, 900))
def test_any_stretch_comes_back_as_it_went_in(sizes: list[int], sample: int, most: int) -> None:
    """Whatever the blocks' sizes."""
    backlog = Backlog(1000)
    for size in sizes:
        backlog.add(block(backlog.stop, size))
    total = sum(sizes)
    expected = coded(sample, max(0, min(most, total - sample)))
    assert b"".join(pcm for _, pcm in backlog.read(sample, most)) == expected


def test_discarding_lets_go_of_whole_blocks_but_the_newest() -> None:
    """Times can always be told, also when all is settled."""
    backlog = Backlog(1000)
    for index in range(1000):
        backlog.add(block(index * 10, 10))
    backlog.discard(5005)
    assert backlog.start == 5000
    backlog.discard(20_000)
    assert backlog.start == 9990
    assert backlog.read(0, 100) == [(9990, coded(9990, 10))]
    assert backlog.time_of(9995) == pytest.approx(9.995)


def test_times_follow_the_blocks() -> None:
    """A jump of the clock shows at the block that says so; an end belongs to the sample before."""
    backlog = Backlog(1000)
    backlog.add(block(0, 10, 100.0))
    backlog.add(block(10, 10, 200.0))
    assert backlog.time_of(9) == pytest.approx(100.009)
    assert backlog.time_of(10) == pytest.approx(200.0)
    assert backlog.end_time(10) == pytest.approx(100.010)
    assert backlog.time_of(25) == pytest.approx(200.015)


def test_a_passage_is_ascending() -> None:
    """A file that is read faster than its own time runs was not spoken after it was handed on."""
    backlog = Backlog(1000)
    backlog.add(Block("mic", 0, 100.0, coded(0, 10), handed=90.0, denoised=91.0))
    passage = backlog.passage(5)
    assert (passage.spoken, passage.handed, passage.denoised) == (90.0, 90.0, 91.0)


def test_nothing_kept_tells_no_time() -> None:
    """It would be made up."""
    with pytest.raises(LookupError):
        Backlog(1000).time_of(0)
