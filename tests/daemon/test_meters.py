"""Running figures: quantiles of latency, levels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.meters import FLOOR_DBFS, Latency, dbfs


def meter(*values: float, size: int = 1024) -> Latency:
    latency = Latency(size)
    for value in values:
        latency.add(value)
    return latency


def test_quantiles_are_values_that_occurred() -> None:
    """Nearest rank: of 1..100 the median is 50 and the 99th percentile is 99; order does not matter."""
    assert meter(*range(100, 0, -1)).quantiles() == {"p50": 50, "p99": 99}
    assert meter(7.0).quantiles() == {"p50": 7.0, "p99": 7.0}
    assert meter(1, 2).quantiles() == {"p50": 1, "p99": 2}


def test_without_a_value_there_is_no_quantile() -> None:
    """None, not zero: nothing was measured."""
    assert Latency().quantiles() is None


def test_old_values_are_forgotten() -> None:
    """The figures are those of the last `size` values."""
    assert meter(1000, 1000, 1, 2, 3, size=3).quantiles() == {"p50": 2, "p99": 3}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_quantiles_stand_in_order_within_the_values(values: list[float]) -> None:
    """At least half of the values are at or below the median, and 99 % at or below the 99th percentile."""
    found = meter(*values).quantiles()
    assert found is not None
    rounded = [round(value, 3) for value in values]
    assert min(rounded) <= found["p50"] <= found["p99"] <= max(rounded)
    assert sum(value <= found["p50"] for value in rounded) >= len(values) / 2
    assert sum(value <= found["p99"] for value in rounded) >= 0.99 * len(values)


@pytest.mark.parametrize(
    ("amplitude", "level"),
    [
        (1.0, 0.0),
        (0.5, -6.02),
        (0.1, -20.0),
        (2.0, 6.02),
        (1e-5, -100.0),
        (1e-6, FLOOR_DBFS),
        (0.0, FLOOR_DBFS),
    ],
)
def test_levels_in_db_of_full_scale(amplitude: float, level: float) -> None:
    """20 log10 of the amplitude; silence reads the floor, never minus infinity."""
    assert dbfs(amplitude) == level


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_louder_amplitude_never_reads_lower(one: float, other: float) -> None:
    """And every reading is finite."""
    quieter, louder = sorted((one, other))
    assert math.isfinite(dbfs(quieter))
    assert dbfs(quieter) <= dbfs(louder)
