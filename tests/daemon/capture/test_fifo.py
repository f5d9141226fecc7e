"""Frames come out as they went in; what finds no room is counted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heard.capture.fifo import STAMPS, Fifo


def frames(start: int, count: int, channels: int) -> memoryview:
    values = np.arange(start * channels, (start + count) * channels).astype("<i2")
    return memoryview(values.tobytes())


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=60),
)
def test_frames_come_in_order_and_losses_are_counted(channels: int, steps: list[tuple[int, bool]]) -> None:
    """Any mixture of writes and reads: each frame that found room once, the others in `lost`."""
    fifo = Fifo(100, channels)
    number, held, expected = 0, 0, []
    got: list[int] = []
    lost = 0
    for count, read in steps:
        fifo.write(frames(number, count, channels), count, float(number), overrun=False)
        if held + count <= 100:
            expected += list(range(number, number + count))
            held += count
        number += count
        if read:
            for piece in fifo.take():
                assert piece.frames.shape[1] == channels
                assert piece.frame == len(got)
                got += [int(value) // channels for value in piece.frames[:, 0]]
                lost += piece.lost
            held = 0
    for piece in fifo.take():
        got += [int(value) // channels for value in piece.frames[:, 0]]
        lost += piece.lost
    assert got == expected
    if got and expected[-1] == number - 1:
        assert len(got) + lost == number


def test_a_piece_brings_its_stamp() -> None:
    """Time and overrun flag stay with the frames that they came with."""
    fifo = Fifo(100, 1)
    fifo.write(frames(0, 10, 1), 10, 1.5, overrun=False)
    fifo.write(frames(10, 10, 1), 10, 2.5, overrun=True)
    pieces = list(fifo.take())
    assert [(piece.frame, piece.at, piece.overrun) for piece in pieces] == [(0, 1.5, False), (10, 2.5, True)]
    assert list(fifo.take()) == []


def test_more_writes_than_stamps_are_lost_and_counted() -> None:
    """Nothing grows while nobody reads."""
    fifo = Fifo(100_000, 1)
    for number in range(STAMPS + 3):
        fifo.write(frames(number, 1, 1), 1, 0.0, overrun=False)
    assert len(list(fifo.take())) == STAMPS
    fifo.write(frames(0, 1, 1), 1, 0.0, overrun=False)
    assert [piece.lost for piece in fifo.take()] == [3]
