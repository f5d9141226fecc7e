"""Core: a function that denoises a recording, applied to a stream by a sliding window.

Time is cut into hops on a grid that begins at the segment's first sample. The output of a hop is computed
once, from a window around it:

    ├──── memory ────┤├──── past ────┤├ hop ┤├ look-ahead ┤
         `before`      ╰──────────── `window` ────────────╯

The window depends on sample numbers alone, so the output is the same whatever blocks the input came in. Near
the start of a segment there is less past, at its end less look-ahead: what exists is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.kept import Kept


class Reduce(Protocol):
    """Denoises a window."""

    def __call__(self, window: Samples, before: Samples) -> Samples:
        """Return `window` with less noise, equally long; `before` are the samples that came before it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a window, all in samples."""

    hop: int
    look_ahead: int
    past: int
    memory: int
    """How much from before the window `reduce` is given."""
    grid: int
    """A window begins at a multiple of this, so that the frames of successive windows coincide."""
    settle: int
    """A window begins at the first sample for as long as less than this would lie before it."""

    @property
    def delay(self) -> int:
        """Sample n is out once n + delay were fed."""
        return self.hop + self.look_ahead

    @property
    def context(self) -> int:
        """How many samples before a sample its output depends on."""
        return self.memory + self.past + self.hop


class SlidingWindow:
    """One stream; see `heard.denoise.backend.Denoiser`.

    `position` numbers the first sample within its segment; `context` lies just before it.
    """

    def __init__(self, reduce: Reduce, shape: Shape, position: int, context: Samples) -> None:
        self._reduce = reduce
        self._shape = shape
        known = min(len(context), position)
        self._first = position - known
        """Number of the earliest sample that was ever known; windows do not reach behind it."""
        self._kept = Kept(self._first, context[len(context) - known :])
        self._out = position

    def feed(self, samples: Samples) -> None:
        """Take in the samples that follow."""
        self._kept.append(samples)

    def take(self) -> Samples:
        """Return the hops whose look-ahead is complete."""
        return self._run(self._kept.stop - self._shape.look_ahead)

    def finish(self) -> Samples:
        """Return the rest, with the look-ahead that there is."""
        return self._run(self._kept.stop, final=True)

    def _run(self, through: int, *, final: bool = False) -> Samples:
        """Return the output of the hops that end by `through`; if `final`, of the unfinished one too."""
        shape = self._shape
        hops: list[Samples] = []
        while self._out < through:
            hop_start = self._out // shape.hop * shape.hop
            hop_stop = hop_start + shape.hop
            if hop_stop > through and not final:
                break
            stop = min(hop_stop, self._kept.stop)
            hops.append(self._hop(hop_start, stop))
            self._out = stop
            self._kept.forget(stop - shape.context - shape.grid)
        return np.concatenate(hops) if hops else np.zeros(0, np.float32)

    def _hop(self, hop_start: int, stop: int) -> Samples:
        shape = self._shape
        start = self._begins(hop_start)
        window = self._kept.between(start, min(stop + shape.look_ahead, self._kept.stop))
        reduced = self._reduce(window, self._kept.between(max(self._first, start - shape.memory), start))
        if reduced.shape != window.shape:
            raise ValueError(f"a window of {len(window)} samples came back as {reduced.shape}")
        return reduced[self._out - start : stop - start]

    def _begins(self, hop_start: int) -> int:
        """Return where the window of a hop begins."""
        start = -(-(hop_start - self._shape.past) // self._shape.grid) * self._shape.grid
        if start - self._first >= self._shape.settle:
            return start
        # Off the grid only where the segment's own start is not known; never behind what is to come out.
        on_grid = -(-self._first // self._shape.grid) * self._shape.grid
        return on_grid if on_grid <= self._out else self._first
