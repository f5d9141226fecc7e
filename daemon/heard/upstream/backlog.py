"""Core: the clean audio of one source, kept from the oldest unsettled sample on.

It is a copy for convenience: `capture` retains the raw audio, and a new `upstream` asks for it again.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from heard.wire.audio import BYTES_PER_SAMPLE, Block

_COMPACT = 256


@dataclass(frozen=True, slots=True)
class Passage:
    """When one sample passed where; UTC."""

    spoken: float
    """Captured. Not later than `handed`: a file may be read faster than its own time runs."""
    handed: float
    denoised: float


class Backlog:
    """Blocks in ascending order; they may leave holes (audio that was dropped on purpose)."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._blocks: list[Block] = []
        self._starts: list[int] = []
        self._head = 0
        """Blocks before this index are gone; they are cut off many at a time."""
        self.stop = 0
        """One past the newest sample that was ever added."""

    @property
    def start(self) -> int:
        """The oldest sample kept; `stop` where none is."""
        return self._starts[self._head] if self._head < len(self._starts) else self.stop

    def add(self, block: Block) -> None:
        """Keep a block that starts at or behind `stop`."""
        self.stop = block.stop
        if block.samples:
            self._blocks.append(block)
            self._starts.append(block.sample)

    def read(self, sample: int, most: int, stop: int | None = None) -> list[tuple[int, bytes]]:
        """Return up to `most` samples in [sample, stop): stretches (first sample, s16le), holes left out."""
        parts: list[tuple[int, bytes]] = []
        index = self._index(sample)
        while most > 0 and index < len(self._blocks):
            block = self._blocks[index]
            if stop is not None and block.sample >= stop:
                break
            first = max(sample, block.sample)
            last = block.stop if stop is None else min(stop, block.stop)
            count = min(most, last - first)
            if count > 0:
                at = (first - block.sample) * BYTES_PER_SAMPLE
                pcm = block.pcm[at : at + count * BYTES_PER_SAMPLE]
                if parts and parts[-1][0] + len(parts[-1][1]) // BYTES_PER_SAMPLE == first:
                    parts[-1] = (parts[-1][0], parts[-1][1] + pcm)
                else:
                    parts.append((first, pcm))
                most -= count
            index += 1
        return parts

    def time_of(self, sample: int) -> float:
        """Return the UTC at which `sample` was captured; outside what is kept, by extrapolation.

        Raises:
            LookupError: nothing is kept.
        """
        block = self._near(sample)
        return block.time + (sample - block.sample) / self._rate_hz

    def end_time(self, stop: int) -> float:
        """Return the UTC at which the sample before `stop` was over; see `time_of`."""
        return self.time_of(stop - 1) + 1 / self._rate_hz

    def passage(self, sample: int) -> Passage:
        """Return when `sample` was captured, handed on and denoised; see `time_of`."""
        block = self._near(sample)
        spoken = block.time + (sample - block.sample) / self._rate_hz
        return Passage(min(spoken, block.handed), block.handed, max(block.handed, block.denoised))

    def discard(self, below: int) -> None:
        """Let go of the blocks that lie wholly below a sample, but for the newest block of all."""
        last = len(self._blocks) - 1
        while self._head < last and self._blocks[self._head].stop <= below:
            self._head += 1
        if self._head >= _COMPACT:
            del self._blocks[: self._head], self._starts[: self._head]
            self._head = 0

    def _index(self, sample: int) -> int:
        return max(self._head, bisect_right(self._starts, sample) - 1)

    def _near(self, sample: int) -> Block:
        if self._head >= len(self._blocks):
            raise LookupError("no audio is kept")
        return self._blocks[min(self._index(sample), len(self._blocks) - 1)]
