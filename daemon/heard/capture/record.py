"""Core: what is known of a source besides its samples, as the ring keeps it for the next process."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from heard.capture.timeline import Segment, TimeAnchor, Timeline
from heard.ledger import Ledger
from heard.wire.audio import End
from heard.wire.codec import Body, WireError, checked, member, pack, take, unpack


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file or stdin stands: sample `sample` comes from the input's frame `frame`, at `time`.

    They name the start of a stretch that is read without a break; the rate leads from there to any
    later sample. `time` (UTC) is 0 before anything was read. `tail` are the bytes last read from
    stdin that later samples come from; a file can be read again.
    """

    frame: int = 0
    sample: int = 0
    time: float = 0.0
    tail: bytes = b""


@dataclass(slots=True)
class Record:
    """One source's state that outlives `capture`. Times are UTC.

    numbered_by the run that numbered the first of these samples; ids of turns are made from it
    started     when the run's first sample was captured; 0 before that
    turns       (sample, anchor): of the audio that is pending from `sample` on, the final before it ended
                at `anchor`, from which the id of the next turn is made; ascending
    wiped       samples below are settled and overwritten
    through     `upstream` holds what lies below
    sent        `upstream` has sent what lies below
    pass_no     how often the cursor went back
    accounted   time up to which everything is in the ledger: captured, muted or a gap
    hole        why nothing is captured at the moment: "muted" or a reason of a gap; "" while audio flows
    hole_since  when that began
    ended       the input is at its end
    xruns       overruns and jumps of the input's clock
    clipped     samples that would not fit 16 bits, or were no number
    closed      the run came to an orderly end: no number was given to a sample that is not in here
    """

    run: str
    numbered_by: str = ""
    started: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    timeline: Timeline = field(default_factory=Timeline)
    place: Place = field(default_factory=Place)
    turns: list[tuple[int, int]] = field(default_factory=list)
    wiped: int = 0
    through: int = 0
    sent: int = 0
    pass_no: int = 0
    accounted: float = 0.0
    hole: str = ""
    hole_since: float = 0.0
    ended: bool = False
    xruns: int = 0
    clipped: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.numbered_by = self.numbered_by or self.run

    @property
    def interrupted(self) -> bool:
        """Whether the audio ended with its process, and the time since is on no account."""
        segments = self.timeline.segments
        return bool(self.started and segments and segments[-1].end is End.RESTART and not self.hole)

    def anchor_at(self, sample: int) -> int:
        """Return where the final before `sample` ended, as far as is known."""
        index = bisect_right(self.turns, sample, key=lambda turn: turn[0])
        return self.turns[index - 1][1] if index else 0

    def note_turn(self, sample: int, anchor: int) -> None:
        """Note that what is settled ends at `sample` with a final that ended at `anchor`.

        Each stretch that is pending has a turn of its own under way: two where a backlog is heard
        beside the live audio.
        """
        ledger = self.ledger
        sample = min(sample, ledger.next)
        if ledger.pending_from(sample)[0] != sample:
            return
        known = dict(self.turns)
        known[sample] = max(min(anchor, sample), known.get(sample, 0))
        ordered = sorted(known)
        starts = [start for start, _ in ledger.pending] + [ledger.next]
        kept = {bisect_right(ordered, start) - 1 for start in starts} - {-1}
        self.turns = [(ordered[index], known[ordered[index]]) for index in sorted(kept)]

    def grow(self, samples: int) -> None:
        """Count `samples` more of the open segment, captured one after the other."""
        self.ledger.capture(samples)
        self.accounted = self.timeline.time_after(self.ledger.next)

    def pack(self) -> bytes:
        """Return the record as bytes; some 500 where little has happened."""
        ledger, timeline, place = self.ledger, self.timeline, self.place
        return pack(
            {
                **{name: getattr(self, name) for name, _ in _PLAIN},
                "ledger": {**ledger.status(), "pending": ledger.pending, "next": ledger.next},
                "turns": self.turns,
                "segments": [[s.number, s.start, s.stop, str(s.end), s.skipped] for s in timeline.segments],
                "anchors": [[anchor.sample, anchor.time] for anchor in timeline.anchors],
                "place": [place.frame, place.sample, place.time, place.tail],
            }
        )

    @classmethod
    def unpack(cls, data: bytes, grown: int = 0) -> Record:
        """Return the record that `data` holds, with `grown` samples that came after it.

        Raises:
            WireError: the bytes are no record, its ledger does not add up, or it cannot have grown so.
        """
        body = unpack(data)
        record = cls(take(body, "run", str))
        for name, kind in _PLAIN:
            setattr(record, name, take(body, name, kind))
        record.ledger = _ledger(take(body, "ledger", dict))
        record.timeline = Timeline(
            [_segment(each) for each in take(body, "segments", list)],
            [_anchor(each) for each in take(body, "anchors", list)],
        )
        record.turns = [_span(each) for each in take(body, "turns", list)]
        match take(body, "place", list):
            case [int(frame), int(sample), float(time), bytes(tail)]:
                record.place = Place(frame, sample, time, tail)
            case other:
                raise WireError(f"no place of an input: {other!r}")
        if grown:
            if grown < 0 or not record.timeline.open:
                raise WireError(f"{grown} samples cannot have come after the record")
            record.grow(grown)
        return record


_PLAIN: tuple[tuple[str, type], ...] = (
    ("run", str),
    ("numbered_by", str),
    ("started", float),
    ("wiped", int),
    ("through", int),
    ("sent", int),
    ("pass_no", int),
    ("accounted", float),
    ("hole", str),
    ("hole_since", float),
    ("ended", bool),
    ("xruns", int),
    ("clipped", int),
    ("closed", bool),
)


def _ledger(body: Body) -> Ledger:
    ledger = Ledger(
        captured=take(body, "captured", int),
        delivered=take(body, "delivered", int),
        dropped=_counts(body, "dropped"),
        pending=[_span(each) for each in take(body, "pending", list)],
        muted=take(body, "muted", int),
        gaps=_counts(body, "gaps"),
        next=take(body, "next", int),
    )
    try:
        ledger.check()
    except AssertionError as error:
        raise WireError(f"the ledger does not add up: {error}") from None
    return ledger


def _counts(body: Body, key: str) -> dict[str, int]:
    return {str(reason): checked(count, key, int) for reason, count in take(body, key, dict).items()}


def _span(value: object) -> tuple[int, int]:
    match value:
        case [int(start), int(stop)]:
            return start, stop
    raise WireError(f"no pair of numbers: {value!r}")


def _segment(value: object) -> Segment:
    match value:
        case [int(number), int(start), int() | None as stop, str(end), int(skipped)]:
            return Segment(number, start, stop, member(end, "end", End), skipped)
    raise WireError(f"no segment: {value!r}")


def _anchor(value: object) -> TimeAnchor:
    match value:
        case [int(sample), float(time)]:
            return TimeAnchor(sample, time)
    raise WireError(f"no time anchor: {value!r}")
