"""Times by sample number."""

import pytest

from heard.denoise.trace import Trace

from .made import block, ramp


def test_a_stretch_has_the_time_of_its_first_sample_wherever_the_blocks_were_cut() -> None:
    trace = Trace()
    for start in range(0, 3200, 320):
        trace.add(block(ramp(320), start))
    (stretch,) = trace.cut(100, 1500)
    assert stretch.time == pytest.approx(1000 + 100 / 16_000)
    (stretch,) = trace.cut(1500, 2200)
    assert (stretch.start, stretch.stop) == (1500, 2200)
    assert stretch.time == pytest.approx(1000 + 1500 / 16_000)


def test_a_stretch_knows_when_each_of_its_blocks_was_handed_over() -> None:
    trace = Trace()
    blocks = [block(ramp(320), start) for start in range(0, 1600, 320)]
    for each in blocks:
        trace.add(each)
    (stretch,) = trace.cut(0, 700)
    assert stretch.handed == tuple(each.handed for each in blocks[:3])
    (stretch,) = trace.cut(700, 960)
    assert stretch.handed == (blocks[2].handed,)


def test_a_jump_in_time_ends_a_stretch() -> None:
    """An xrun: numbers go on, time does not."""
    trace = Trace()
    trace.add(block(ramp(320), 0, time=50.0))
    trace.add(block(ramp(320), 320, time=50.5))
    first, second = trace.cut(160, 640)
    assert (first.start, first.stop) == (160, 320)
    assert first.time == pytest.approx(50.01)
    assert (second.start, second.stop, second.time) == (320, 640, 50.5)
    assert len(first.handed) == len(second.handed) == 1


def test_a_slewed_clock_is_no_jump() -> None:
    """0.1 ms a block is how a device's clock is corrected."""
    trace = Trace()
    for count in range(4):
        trace.add(block(ramp(320), 320 * count, time=50 + count * 0.0201))
    assert len(trace.cut(0, 1280)) == 1


def test_large_numbers_keep_their_time() -> None:
    far = 1 << 40
    trace = Trace()
    trace.add(block(ramp(320), far, time=1.7e9))
    (stretch,) = trace.cut(far + 160, far + 320)
    assert stretch.time == pytest.approx(1.7e9 + 0.01, abs=1e-6)
