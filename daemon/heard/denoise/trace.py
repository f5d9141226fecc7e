"""Core: when samples were captured and handed over, by their numbers.

Blocks leave with other borders than they came with. What is known of a sample is looked up by its number, so
that no delay of a denoiser can shift a time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from heard.wire.audio import Block

JUMP_S = 0.001
"""Time between two blocks that is more or less than their samples by so much is a jump (an xrun)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples [start, stop), captured without a jump in time."""

    start: int
    stop: int
    time: float
    """UTC at which the first sample was captured."""
    handed: tuple[float, ...]
    """UTC at which `capture` handed over each of the blocks that brought them, in order."""


@dataclass(frozen=True, slots=True)
class _Mark:
    start: int
    stop: int
    time: float
    handed: float
    rate_hz: int

    def time_of(self, sample: int) -> float:
        return self.time + (sample - self.start) / self.rate_hz


class Trace:
    """What is known of the samples that are in the stage."""

    def __init__(self) -> None:
        self._marks: deque[_Mark] = deque()

    def add(self, block: Block) -> None:
        """Note a block's samples; blocks come in order."""
        self._marks.append(_Mark(block.sample, block.stop, block.time, block.handed, block.rate_hz))

    def cut(self, start: int, stop: int) -> list[Stretch]:
        """Return [start, stop), none of it unknown, in as few stretches as time allows; forget it."""
        stretches: list[Stretch] = []
        began, time, handed = start, 0.0, list[float]()
        previous: _Mark | None = None
        for mark in self._marks:
            if mark.stop <= start:
                continue
            if mark.start >= stop:
                break
            if previous is None:
                time = mark.time_of(start)
            elif abs(time + (mark.start - began) / mark.rate_hz - mark.time) > JUMP_S:
                stretches.append(Stretch(began, mark.start, time, tuple(handed)))
                began, time, handed = mark.start, mark.time, []
            handed.append(mark.handed)
            previous = mark
        stretches.append(Stretch(began, stop, time, tuple(handed)))
        while self._marks and self._marks[0].stop <= stop:
            self._marks.popleft()
        return stretches

    def clear(self) -> None:
        """Forget everything."""
        self._marks.clear()
