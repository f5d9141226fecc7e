"""How loud a source is."""

import numpy as np
import pytest

from heard.capture.level import Level


def test_a_reading_stands_on_what_came_since_the_last_but_one() -> None:
    """None before any sample; then the RMS, which outlives a reading without news."""
    level = Level()
    assert level.reading() is None
    level.add(np.full(1600, 1000, dtype=np.float32))
    assert level.reading() == pytest.approx(-30.31, abs=0.01)
    assert level.reading() == pytest.approx(-30.31, abs=0.01)
    level.add(np.full(1600, 10000, dtype=np.float32))
    assert level.reading() == pytest.approx(-13.27, abs=0.01)
    level.add(np.zeros(1600, dtype=np.float32))
    assert level.reading() == pytest.approx(-13.31, abs=0.1)
    level.add(np.zeros(1600, dtype=np.float32))
    assert level.reading() == pytest.approx(-120, abs=0.1)
