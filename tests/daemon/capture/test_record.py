"""A record survives its packing, and garbage is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.record import Place, Record
from heard.capture.ring import SLOT_BYTES
from heard.capture.timeline import MAX_ANCHORS, MAX_SEGMENTS, Segment, TimeAnchor, Timeline
from heard.ledger import Ledger
from heard.wire.audio import End
from heard.wire.codec import WireError, pack, unpack


def full_record() -> Record:
    """Return a record with something in every field."""
    ledger = Ledger()
    ledger.capture(1000)
    ledger.settle(0, 200)
    ledger.drop(300, 400, "expired")
    ledger.muted = 7
    ledger.add_gap("xrun", 3)
    return Record(
        run="r",
        started=1.5,
        ledger=ledger,
        timeline=Timeline([Segment(0, 0, 500, End.LOST), Segment(1, 500)], [TimeAnchor(0, 1.5)]),
        place=Place(4410, 17, 2.5, b"\x01\x02"),
        numbered_by="q",
        turns=[(200, 150), (400, 390)],
        wiped=100,
        through=900,
        sent=800,
        pass_no=4,
        accounted=9.5,
        hole="muted",
        hole_since=8.5,
        ended=True,
        xruns=2,
        clipped=5,
        closed=True,
    )


def test_everything_comes_back() -> None:
    """Every field, the empty record's included."""
    assert Record.unpack(full_record().pack()) == full_record()
    assert Record.unpack(Record("x").pack()) == Record("x")


def test_samples_that_came_after_it_are_counted() -> None:
    """As if the record had been written once more."""
    record = full_record()
    data = record.pack()
    record.grow(320)
    assert Record.unpack(data, 320) == record
    assert record.ledger.pending[-1] == (400, 1320)


@pytest.mark.parametrize("grown", [-1, 320])
def test_samples_that_cannot_have_come_are_refused(grown: int) -> None:
    """A negative number, and any where no segment was open."""
    record = full_record()
    if grown > 0:
        record.timeline.end(1000, End.MUTED)
    with pytest.raises(WireError, match="cannot have come after"):
        Record.unpack(record.pack(), grown)


def test_the_fullest_record_fits_its_slot() -> None:
    """All tables at their bounds, and what a resampler at 192 kHz looks back at."""
    large = 1 << 40
    pending = [(large + 3 * n, large + 3 * n + 1) for n in range(513)]
    ledger = Ledger(captured=large, pending=pending, next=2 * large)
    segments = [Segment(large + n, large, large, End.SHUTDOWN, large) for n in range(MAX_SEGMENTS)]
    anchors = [TimeAnchor(large + n, 1.8e9 + n) for n in range(MAX_ANCHORS)]
    record = Record("r" * 64, ledger=ledger, timeline=Timeline(segments, anchors), turns=pending)
    record.place = Place(large, large, 1.8e9, bytes(int(0.2 * 192000 * 2)))
    assert len(record.pack()) < SLOT_BYTES - 64


def test_a_record_whose_ledger_does_not_add_up_is_refused() -> None:
    """It would break the identity for the rest of the run."""
    body = unpack(full_record().pack())
    ledger = body["ledger"]
    assert isinstance(ledger, dict)
    ledger["delivered"] += 1
    with pytest.raises(WireError, match="does not add up"):
        Record.unpack(pack(body))


@settings(deadline=None)
@given(st.binary(max_size=200), st.data())
def test_garbage_is_refused(data: bytes, draw: st.DataObject) -> None:
    """Arbitrary bytes, and a record with one field replaced, either read or raise WireError."""
    with pytest.raises(WireError):
        Record.unpack(data)
    body = unpack(full_record().pack())
    key = draw.draw(st.sampled_from(sorted(body)))
    body[key] = draw.draw(
        st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.lists(st.integers(0, 3), max_size=4))
    )
    try:
        Record.unpack(pack(body))
    except WireError:
        return
