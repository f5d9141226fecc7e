"""Core: no final is published twice, whatever was restarted meanwhile; and nothing settled is forgotten.

A final that arrives again is known by its turn's id. One that was recognized anew, after `upstream` lost
what it held, may have another id and is known by its samples: a published final covers them already.

A final is written down before it is sent. A process killed in between publishes it neither then nor
later: it is in the journal, and the number that is missing says so. The other order would publish
some finals twice, which no subscriber could repair.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from heard.publish.slots import DIGEST_BYTES, Slots, Write, digest
from heard.wire.events import Settlement
from heard.wire.positions import Settled

KIND = "once"
SLOT_BYTES = 4096
FINALS = 100
"""Finals remembered per source: what comes again was in flight, a few turns ago."""
INTERVALS = 32
"""Settled stretches remembered per source; `capture` heard of the older ones long ago."""

_HEAD = struct.Struct("<QBB")
_INTERVAL = struct.Struct("<QQ")
_FINAL = struct.Struct(f"<{DIGEST_BYTES}sQQ")


@dataclass(slots=True)
class _Source:
    """What was published of one source. Sample intervals are [start, stop)."""

    anchor: int = 0
    settled: list[tuple[int, int]] = field(default_factory=list)
    finals: deque[tuple[bytes, int, int]] = field(default_factory=lambda: deque(maxlen=FINALS))

    def pack(self) -> bytes:
        head = _HEAD.pack(self.anchor, len(self.settled), len(self.finals))
        settled = b"".join(_INTERVAL.pack(*each) for each in self.settled)
        return head + settled + b"".join(_FINAL.pack(*each) for each in self.finals)

    @classmethod
    def unpack(cls, data: bytes) -> _Source:
        anchor, intervals, finals = _HEAD.unpack_from(data)
        middle = _HEAD.size + intervals * _INTERVAL.size
        stop = middle + finals * _FINAL.size
        settled = [(a, b) for a, b in _INTERVAL.iter_unpack(data[_HEAD.size : middle])]
        known = deque(((d, a, b) for d, a, b in _FINAL.iter_unpack(data[middle:stop])), maxlen=FINALS)
        return cls(anchor, settled, known)


class Once:
    """Remembers the finals that were published and the samples that are settled, by source."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._sources = {name: _Source.unpack(data) for name, data in slots.items().items()}

    def is_repeated(self, source: str, turn_id: str, settles: Settlement | None) -> bool:
        """Say whether this final was published before: by its id, or all of its samples by others."""
        known = self._sources.get(source)
        if known is None:
            return False
        named = digest(turn_id)
        if any(each == named for each, _, _ in known.finals):
            return True
        if settles is None or settles.start >= settles.stop:
            return False
        covered = joined([(start, stop) for _, start, stop in known.finals if start < stop])
        return any(start <= settles.start and settles.stop <= stop for start, stop in covered)

    def publishes(self, source: str, turn_id: str, settles: Settlement | None) -> Write:
        """Remember a final; the write must be made before it is sent."""
        known = self._sources.setdefault(source, _Source())
        start, stop = (settles.start, settles.stop) if settles else (0, 0)
        known.finals.append((digest(turn_id), start, stop))
        self._settle(known, settles)
        return self._slots.put(source, known.pack())

    def settles(self, source: str, settles: Settlement) -> Write:
        """Remember samples that are settled without a final; the write must be made before it is told."""
        known = self._sources.setdefault(source, _Source())
        self._settle(known, settles)
        return self._slots.put(source, known.pack())

    def settled(self) -> Iterator[Settled]:
        """Yield all that is settled, for `capture`: a predecessor may have died before telling it."""
        for name, known in self._sources.items():
            for start, stop in known.settled:
                yield Settled(name, start, stop, known.anchor)

    @staticmethod
    def _settle(known: _Source, settles: Settlement | None) -> None:
        if settles is None:
            return
        known.anchor = max(known.anchor, settles.anchor)
        if settles.start < settles.stop:
            merged = joined([*known.settled, (settles.start, settles.stop)])
            known.settled = merged[-INTERVALS:]


def joined(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of intervals [start, stop), ascending, those that touch made one."""
    result: list[tuple[int, int]] = []
    for start, stop in sorted(intervals):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return result
