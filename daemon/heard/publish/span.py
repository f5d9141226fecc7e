"""Core: which part of the journal is meant: a span of time, a source, a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

REACH_S = 3600.0
"""A turn is taken to be shorter than this where a question about a span is answered, so that it need not
read all that is older. What is forgotten is looked for without that."""


@dataclass(frozen=True, slots=True)
class Span:
    """What was said, even in part, at or after `since` and before `until` (UTC); all of it by default.

    `source` and `run` None mean any.
    """

    since: float = -math.inf
    until: float = math.inf
    source: str | None = None
    run: str | None = None

    def holds(self, start: float, end: float, source: str, run: str) -> bool:
        """Whether a message said from `start` to `end` lies in it."""
        return (
            max(start, end) >= self.since
            and start < self.until
            and self.source in (None, source)
            and self.run in (None, run)
        )

    def where(self, reach_s: float = REACH_S) -> tuple[str, list[object]]:
        """Return the same as an SQL condition and its values, for a table with these columns."""
        conditions: list[tuple[str, list[object]]] = []
        if self.since > -math.inf:
            conditions.append(('max("start", "end") >= ?', [self.since]))
            if reach_s < math.inf:
                conditions.append(('"start" >= ?', [self.since - reach_s]))
        if self.until < math.inf:
            conditions.append(('"start" < ?', [self.until]))
        if self.source is not None:
            conditions.append(("source = ?", [self.source]))
        if self.run is not None:
            conditions.append(("run = ?", [self.run]))
        text = " AND ".join(condition for condition, _ in conditions) or "true"
        return text, [value for _, values in conditions for value in values]
