"""Core: which of a source's blocks are new, which come twice, and what is missing.

Blocks come twice after a replay, and go missing when `denoise` dies with some in its hands. Sample
numbers tell: what lies below the next expected one is a duplicate; a block that does not follow it
shows a loss, unless the block itself says that what lies between is done with: settled, or given up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from heard.wire.audio import BYTES_PER_SAMPLE, Block, End


@dataclass(frozen=True, slots=True)
class Taken:
    """What to do with a block."""

    block: Block | None = None
    """Its new samples, None where there are none."""
    ends: bool = False
    """Its segment ends with it."""
    missing: bool = False
    """Something before it is lost: ask for a replay."""
    hole: bool = False
    """What lies before it is done with, and nobody sends it: the audio before is at its end."""


class Intake:
    """One source's numbering."""

    def __init__(self) -> None:
        self.next: int | None = None
        """The next sample expected; None before the first block."""
        self.duplicates = 0
        """Samples that came twice."""
        self.missed = 0
        """Blocks that did not follow."""
        self._ended = (-1, -1)
        """Of the newest segment that ended: one past its last sample, its number."""

    def take(self, block: Block) -> Taken:
        """Return what is new in `block`."""
        if self.next is None:
            if block.follows:
                # Something before it is pending, so it was meant for the process that was here before. Our
                # own replay, from the oldest pending sample on, is on its way.
                self.missed += 1
                return Taken(missing=True)
            self.next = block.wanted
        if block.sample > self.next and block.follows > self.next:
            self.missed += 1
            return Taken(missing=True)
        hole = block.sample > self.next
        fresh = self._fresh(block, self.next)
        self.next = max(self.next, block.stop)
        end = (block.stop, block.segment)
        ends = block.end is not End.NO and end > self._ended and block.stop == self.next
        if ends:
            self._ended = end
        return Taken(fresh, ends=ends, hole=hole)

    def _fresh(self, block: Block, expected: int) -> Block | None:
        """Cut off what came before."""
        known = min(block.samples, max(0, expected - block.sample))
        self.duplicates += known
        if known == block.samples:
            return None
        if not known:
            return block
        return replace(
            block,
            sample=expected,
            time=block.time + known / block.rate_hz,
            pcm=block.pcm[known * BYTES_PER_SAMPLE :],
        )
