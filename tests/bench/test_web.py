"""What the page must hold to, measured as the bench measures it."""

import pytest

from .web import memory, pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_thirty_frames_a_second_while_speech_runs() -> None:
    """Unless the machine does not give so many to an empty page."""
    ours, empty = pictures(10)
    assert ours.per_second >= min(30, 0.6 * empty.per_second)
    assert ours.drawn_per_second >= ours.per_second, "two pictures are drawn"


def test_memory_is_flat_once_the_page_is_full() -> None:
    """From 0.4 h, when 300 captions stand there, up to an hour: in the page and in its server."""
    measured = memory(hours=1, speed=30)
    before, after = measured[3:5], measured[-2:]
    assert min(each.heap_bytes for each in after) < 1.1 * max(each.heap_bytes for each in before)
    assert after[-1].nodes < 1.15 * before[-1].nodes
    assert after[-1].server_bytes < 1.1 * before[-1].server_bytes
