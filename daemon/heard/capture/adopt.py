"""Core: a new process takes over what an earlier one retained, of its own run or of another.

The same run is simply continued. What another run retained and could not deliver becomes this run's
business: the sample numbers go on, so that positions, ids and what `publish` remembers keep their
meaning, and the counts begin anew with the adopted samples as captured and pending.

Numbers are never given to two samples. Where the record of those that were given is lost, or is an older
copy of it, they go on from one that the clock says nobody can have reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from heard.capture.record import Place, Record
from heard.capture.ring import Ring
from heard.capture.timeline import Timeline
from heard.ledger import Ledger
from heard.settings import WORKING_RATE_HZ
from heard.wire.audio import End


@dataclass(frozen=True, slots=True)
class Taken:
    """The record that a process begins with.

    adopted  samples of another run that are delivered in this one
    lost     samples of another run that this one has no room for
    """

    record: Record
    adopted: int = 0
    lost: int = 0


def unused(utc: float, after: int = 0) -> int:
    """Return a sample number that was not given before `utc`, and lies behind `after`.

    Sound read in real time has had fewer samples since 1970.
    """
    return max(int(utc * WORKING_RATE_HZ), after)


def begun(run: str, utc: float | None) -> Taken:
    """Return an empty record; with `utc` where numbers were given in this run and nobody knows which."""
    record = Record(run)
    if utc is not None:
        record.ledger.next = unused(utc)
    return Taken(record)


def taken_over(record: Record, run: str, *, retention: int, utc: float | None) -> Taken:
    """Return the record with which `run` goes on from `record`, which must not be used any more.

    `retention` bounds the samples of another run; `utc` is given where `record` may be an older copy.
    """
    if record.run != run and not record.ledger.pending:
        return begun(run, None)
    if utc is not None and not record.closed:
        _skip(record, unused(utc, record.ledger.next))
    record.closed = False
    if record.run == run:
        return Taken(record)
    return _adopted(record, run, retention)


def _skip(record: Record, number: int) -> None:
    """Go on at `number`; the input goes on where the record says that it stood."""
    ledger, timeline = record.ledger, record.timeline
    if timeline.open:
        timeline.end(ledger.next, End.RESTART)
    record.place = replace(record.place, sample=record.place.sample + number - ledger.next)
    ledger.next = number


def _adopted(record: Record, run: str, retention: int) -> Taken:
    old, timeline = record.ledger, record.timeline
    if timeline.open:
        timeline.end(old.next, End.RESTART)
    held = old.pending_samples
    old.drop(0, timeline.newest(retention, old.next), "expired")
    fits = old.pending_samples
    ledger = Ledger(captured=fits, pending=old.pending, next=old.next)
    adopted = Record(
        run,
        numbered_by=record.numbered_by,
        ledger=ledger,
        timeline=Timeline(timeline.segments, timeline.anchors),
        place=Place(),
        turns=record.turns,
        wiped=record.wiped,
        through=ledger.oldest_pending,
        sent=ledger.oldest_pending,
        pass_no=record.pass_no,
    )
    return Taken(adopted, fits, held - fits)


def copied(record: Record, source: Ring, target: Ring) -> None:
    """Copy what `record` may still need from one ring to another, which is empty; then the record."""
    readable = min(source.readable, target.readable)
    start = max(record.wiped, record.timeline.newest(readable, record.ledger.next))
    for first, stop in record.timeline.places(start, record.ledger.next):
        target.copy(source, first, stop)
    target.commit(record.pack(), source.sequence + 1)
