"""Running figures that stages report: latency quantiles and levels. Time and samples come in as arguments."""

from __future__ import annotations

import math
from collections import deque

from heard.wire.status import Quantiles

FLOOR_DBFS = -120.0
"""What digital silence reads."""


class Latency:
    """Quantiles over the last `size` values, in milliseconds."""

    def __init__(self, size: int = 500) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, ms: float) -> None:
        """Take one value in."""
        self._values.append(ms)

    def quantiles(self) -> Quantiles | None:
        """Return the median and the 99th percentile (nearest rank), None without a value."""
        if not self._values:
            return None
        ordered = sorted(self._values)
        return {
            "p50": round(_rank(ordered, 0.50), 3),
            "p99": round(_rank(ordered, 0.99), 3),
        }


def _rank(ordered: list[float], quantile: float) -> float:
    """Return the nearest-rank quantile of an ascending, non-empty list."""
    return ordered[max(0, math.ceil(quantile * len(ordered)) - 1)]


def dbfs(amplitude: float) -> float:
    """Return `amplitude` (1.0 is full scale) in dB relative to full scale, at least FLOOR_DBFS."""
    if amplitude <= 10 ** (FLOOR_DBFS / 20):
        return FLOOR_DBFS
    return round(20 * math.log10(amplitude), 2)
