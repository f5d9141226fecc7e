"""Suspend and resume are seen from two clocks; a process that was merely held up saw none."""

import pytest

from heard.capture.sleep import Sleep


def test_a_jump_between_the_clocks_is_sleep() -> None:
    """Told once, with its length; the uptime before the first look is none."""
    sleep = Sleep()
    assert sleep.slept_s(100.0, 5100.0, 100.0) == 0.0
    assert sleep.slept_s(100.02, 5100.02, 100.02) == 0.0
    assert sleep.slept_s(100.04, 5112.34, 100.04) == pytest.approx(12.3)
    assert sleep.slept_s(100.06, 5112.36, 100.06) == 0.0


def test_being_stopped_is_no_sleep() -> None:
    """Both clocks go on while a process is stopped, between two looks or in the middle of one."""
    sleep = Sleep()
    sleep.slept_s(100.0, 5100.0, 100.0)
    assert sleep.slept_s(130.0, 5130.0, 130.0) == 0.0
    assert sleep.slept_s(130.0, 5140.0, 140.0) == 0.0
    assert sleep.slept_s(150.0, 5150.0, 160.0) == 0.0
    assert sleep.slept_s(160.0, 5160.0, 160.0) == 0.0
