"""Core: where every captured sample of a source went.

At every moment `captured == delivered + pending + sum(dropped.values())`. The pending samples are
kept as intervals and counted from them, so that `check` compares three independent numbers.

Counts and numbers are two things: a run that takes over what another one retained goes on with the
other's sample numbers, but counts only what is its own business.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from heard.wire import status


class LedgerError(AssertionError):
    """The counts do not add up: a bug in heard."""


def check_counts(counts: status.Ledger) -> None:
    """Raise LedgerError unless `captured` is the sum of where its samples went."""
    lost = sum(counts["dropped"].values())
    if counts["captured"] != counts["delivered"] + counts["pending"] + lost:
        raise LedgerError(
            f"captured {counts['captured']} != delivered {counts['delivered']} "
            f"+ pending {counts['pending']} + dropped {lost}"
        )


@dataclass(slots=True)
class Ledger:
    """The ledger of one source; sample numbers and counts are at the working rate.

    `pending` holds ascending, disjoint, non-adjacent intervals [start, stop) of samples that are
    retained and neither settled nor dropped. `next` is the number of the next sample.
    """

    captured: int = 0
    delivered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    pending: list[tuple[int, int]] = field(default_factory=list)
    muted: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    next: int = 0

    def capture(self, samples: int) -> None:
        """Count `samples` more; they are pending."""
        if samples < 0:
            raise LedgerError(f"{samples} samples cannot be captured")
        if not samples:
            return
        start, stop = self.next, self.next + samples
        if self.pending and self.pending[-1][1] == start:
            start = self.pending.pop()[0]
        self.pending.append((start, stop))
        self.captured += samples
        self.next = stop

    def settle(self, start: int, stop: int) -> int:
        """Move what is pending of [start, stop) to `delivered`; return how many samples that were.

        Samples settled or dropped before are left alone, so a message may come twice.
        """
        samples = self._take(start, stop)
        self.delivered += samples
        return samples

    def drop(self, start: int, stop: int, reason: str) -> int:
        """Move what is pending of [start, stop) to `dropped[reason]`; return how many samples that were."""
        samples = self._take(start, stop)
        if samples:
            self.dropped[reason] = self.dropped.get(reason, 0) + samples
        return samples

    def add_gap(self, reason: str, samples: int) -> None:
        """Count time that was never captured, in samples."""
        self.gaps[reason] = self.gaps.get(reason, 0) + samples

    @property
    def pending_samples(self) -> int:
        """How many samples are retained and not settled."""
        return sum(stop - start for start, stop in self.pending)

    @property
    def oldest_pending(self) -> int:
        """Number of the oldest pending sample; `next` where none is pending."""
        return self.pending[0][0] if self.pending else self.next

    def pending_from(self, sample: int) -> tuple[int, int]:
        """Return the first interval of pending samples from `sample` on; an empty one at `next` if none."""
        index = bisect_right(self.pending, sample, key=lambda interval: interval[1])
        if index == len(self.pending):
            return max(sample, self.next), max(sample, self.next)
        start, stop = self.pending[index]
        return max(start, sample), stop

    def done_from(self, sample: int) -> int:
        """Return from where on nothing below `sample` is pending; 0 where nothing below it is at all."""
        index = bisect_left(self.pending, sample, key=lambda interval: interval[0])
        return min(self.pending[index - 1][1], sample) if index else 0

    def check(self) -> None:
        """Raise LedgerError unless the counts add up and no pending sample is yet to be captured."""
        held, lost = self.pending_samples, sum(self.dropped.values())
        if self.captured != self.delivered + held + lost:
            raise LedgerError(
                f"captured {self.captured} != delivered {self.delivered} + pending {held} + dropped {lost}"
            )
        if self.pending and self.pending[-1][1] > self.next:
            raise LedgerError(f"sample {self.pending[-1][1] - 1} is pending but was not captured")

    def status(self) -> status.Ledger:
        """Return the counts as the status shows them."""
        return {
            "captured": self.captured,
            "delivered": self.delivered,
            "pending": self.pending_samples,
            "dropped": dict(self.dropped),
            "muted": self.muted,
            "gaps": dict(self.gaps),
        }

    def _take(self, start: int, stop: int) -> int:
        """Cut [start, stop) out of the pending intervals; return how many samples were in them."""
        taken = 0
        left: list[tuple[int, int]] = []
        for first, last in self.pending:
            low, high = max(first, start), min(last, stop)
            if low >= high:
                left.append((first, last))
                continue
            taken += high - low
            if first < low:
                left.append((first, low))
            if high < last:
                left.append((high, last))
        self.pending = left
        return taken
