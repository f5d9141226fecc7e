"""Frames and blocks by their numbers."""

import numpy as np
import pytest

from heard.denoise.backend import Samples
from heard.denoise.gate_form import QUALITY
from heard.denoise.gate_frames import Frames

NOTHING = np.zeros(0, np.float32)


def _numbers(first: int, stop: int) -> Samples:
    """Return samples that say their number."""
    return np.arange(first, stop, dtype=np.float32)


def test_the_first_frame_of_a_recording_is_half_empty() -> None:
    """As the library pads it; it counts as the recording's start."""
    frames = Frames(QUALITY, 0, NOTHING)
    frames.append(_numbers(1, 512))
    assert (frames.start, frames.number, frames.ready) == (0, 0, False)
    frames.append(_numbers(512, 513))
    assert frames.ready
    np.testing.assert_array_equal(frames.frame(), np.concatenate((np.zeros(512), _numbers(1, 513))))


@pytest.mark.parametrize(
    ("position", "context", "first"), [(9000, 5000, 18), (9000, 9000, 0), (9000, 300, 34)]
)
def test_with_context_the_first_frame_is_the_first_whole_one(position: int, context: int, first: int) -> None:
    """Or, with too little, the first that the wanted samples need, and zeros for what is not there."""
    frames = Frames(QUALITY, position, _numbers(position - context, position))
    frames.append(_numbers(position, position + 2000))
    assert frames.number == first
    assert frames.start == (0 if context == position else None)
    begin = first * 256 - 512
    expected = _numbers(begin, begin + 1024)
    expected[expected < position - context] = 0
    np.testing.assert_array_equal(frames.frame(), expected)


def test_masks_are_made_from_the_frame_before_the_wanted_block_on() -> None:
    frames = Frames(QUALITY, 9000, _numbers(4000, 9000))
    frames.append(_numbers(9000, 20_000))
    while not frames.speaks:
        frames.advance(None)
    assert frames.number - QUALITY.future == 9000 // 256 - 1


def test_blocks_come_out_from_the_position_to_the_end() -> None:
    """Each with the number that it is for, cut at both ends."""
    frames = Frames(QUALITY, 9000, _numbers(4000, 9000))
    frames.append(_numbers(9000, 11_001))
    frames.end()
    while not frames.over:
        begin = (frames.number - QUALITY.future - 2) * 256
        frames.advance(_numbers(begin, begin + 256))
    out = frames.collect()
    assert len(out) == 2001
    # What the frames behind the end would have added to the last block is made up for.
    np.testing.assert_array_equal(out[:1752], _numbers(9000, 10_752))
    assert out[1752] == pytest.approx(10_752)
    assert out[-1] > 11_000
    assert len(frames.collect()) == 0
