"""Core: no final is published twice, whatever was restarted meanwhile; and nothing settled is forgotten.

A final that arrives again is known by its turn's id. One that was recognized anew, after `upstream` lost
what it held, may have another id and is known by its samples: a published final covers them already.

Both hold across runs of the daemon, where a run delivers what another one retained: the ids of its turns
begin with the same words then.

A final is written down before it is sent. A process killed in between publishes it neither then nor
later: it is in the journal, and the number that is missing says so. The other order would publish
some finals twice, which no subscriber could repair.
"""

from __future__ import annotations

import struct
from collections import deque
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

_HEAD = struct.Struct(f"<{DIGEST_BYTES}s{DIGEST_BYTES}sBB")
_INTERVAL = struct.Struct("<QQQ")
_FINAL = struct.Struct(f"<{DIGEST_BYTES}sQQ")


@dataclass(slots=True)
class _Source:
    """What was published of one source. Sample intervals are [start, stop).

    run      digest of the run that wrote this last
    turns    digest of what the ids of its turns begin with: samples of another numbering are others
    settled  intervals, and where the last final before the end of each one ended
    finals   digest of a turn's id, and the samples that the final settled
    """

    run: bytes
    turns: bytes
    settled: list[tuple[int, int, int]] = field(default_factory=list)
    finals: deque[tuple[bytes, int, int]] = field(default_factory=lambda: deque(maxlen=FINALS))

    def pack(self) -> bytes:
        head = _HEAD.pack(self.run, self.turns, len(self.settled), len(self.finals))
        settled = b"".join(_INTERVAL.pack(*each) for each in self.settled)
        return head + settled + b"".join(_FINAL.pack(*each) for each in self.finals)

    @classmethod
    def unpack(cls, data: bytes) -> _Source:
        run, turns, intervals, finals = _HEAD.unpack_from(data)
        middle = _HEAD.size + intervals * _INTERVAL.size
        stop = middle + finals * _FINAL.size
        settled = [(a, b, anchor) for a, b, anchor in _INTERVAL.iter_unpack(data[_HEAD.size : middle])]
        known = deque(((d, a, b) for d, a, b in _FINAL.iter_unpack(data[middle:stop])), maxlen=FINALS)
        return cls(run, turns, settled, known)


class Once:
    """Remembers the finals that were published and the samples that are settled, by source.

    What another run left counts for a source once `meets` has seen that the same samples are meant.
    """

    def __init__(self, slots: Slots, run: str) -> None:
        self._slots = slots
        self._run = digest(run)
        self._sources = {name: _Source.unpack(data) for name, data in slots.items().items()}

    def meets(self, source: str, turns: str) -> list[Settled]:
        """Take note of what the ids of a source's turns begin with; must come before the rest.

        Returns what another run settled of the same samples and may not have told.
        """
        known, named = self._sources.get(source), digest(turns)
        if known is None or known.turns != named:
            self._sources[source] = _Source(self._run, named)
        elif known.run != self._run:
            known.run = self._run
            return self._settled(source, known)
        return []

    def is_repeated(self, source: str, turn_id: str, settles: Settlement | None) -> bool:
        """Say whether this final was published before: by its id, or all of its samples by others."""
        known = self._sources[source]
        named = digest(turn_id)
        if any(each == named for each, _, _ in known.finals):
            return True
        if settles is None or settles.start >= settles.stop:
            return False
        covered = joined([(start, stop, 0) for _, start, stop in known.finals if start < stop])
        return any(start <= settles.start and settles.stop <= stop for start, stop, _ in covered)

    def publishes(self, source: str, turn_id: str, settles: Settlement | None) -> Write:
        """Remember a final; the write must be made before it is sent."""
        start, stop = (settles.start, settles.stop) if settles else (0, 0)
        self._sources[source].finals.append((digest(turn_id), start, stop))
        return self.settles(source, settles)

    def settles(self, source: str, settles: Settlement | None) -> Write:
        """Remember samples that are settled; the write must be made before it is told."""
        known = self._sources[source]
        if settles is not None and settles.start < settles.stop:
            merged = joined([*known.settled, (settles.start, settles.stop, settles.anchor)])
            known.settled = merged[-INTERVALS:]
        return self._slots.put(source, known.pack())

    def settled(self) -> list[Settled]:
        """Return all that this run settled, for `capture`: a predecessor may have died before telling it."""
        return [
            settled
            for source, known in self._sources.items()
            if known.run == self._run
            for settled in self._settled(source, known)
        ]

    @staticmethod
    def _settled(source: str, known: _Source) -> list[Settled]:
        return [Settled(source, start, stop, anchor) for start, stop, anchor in known.settled]


def joined(intervals: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return the union of intervals [start, stop), ascending, those that touch made one.

    The third number is that of the interval which reaches furthest.
    """
    result: list[tuple[int, int, int]] = []
    for start, stop, anchor in sorted(intervals):
        if result and start <= result[-1][1]:
            first, last, known = result[-1]
            reach = max((last, known), (stop, anchor))
            result[-1] = (first, *reach)
        else:
            result.append((start, stop, anchor))
    return result
