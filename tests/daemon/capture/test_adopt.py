"""Taking over: the same run goes on, another run's pending samples are this one's, no number comes twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.adopt import begun, copied, taken_over, unused
from heard.capture.blocks import Track
from heard.capture.record import Place, Record
from heard.capture.ring import Ring
from heard.wire.audio import End
from heard.wire.positions import Received, Settled

from .made import BLOCK, RATE_HZ, buffer_for, hear, sent_by, track_in, values

RETENTION = 20 * RATE_HZ
NOW = 1.79e9


def another_run() -> tuple[bytearray, Track]:
    """Return what a run leaves that was killed: 12 s captured, 0 to 3 s and 5 to 6 s settled."""
    buffer = buffer_for(RETENTION)
    track = track_in(buffer, retention=RETENTION)
    hear(track, 8 * RATE_HZ)
    track.end(End.MUTED)
    hear(track, 4 * RATE_HZ, time=2000.0)
    sent_by(track)
    track.take(Settled("mic", 0, 3 * RATE_HZ, 2 * RATE_HZ))
    track.take(Settled("mic", 5 * RATE_HZ, 6 * RATE_HZ, 0))
    track.take(Received("mic", 12 * RATE_HZ, 11 * RATE_HZ))
    track.record.place = Place(7, 0, 1000.0)
    track.record.xruns, track.record.hole = 3, "muted"
    track.commit()
    return buffer, track


def test_the_same_run_is_continued() -> None:
    """Nothing changes."""
    _, track = another_run()
    before = track.record.pack()
    taken = taken_over(track.record, "run", retention=RETENTION, utc=None)
    assert (taken.adopted, taken.lost, taken.record.pack()) == (0, 0, before)


def test_another_runs_pending_samples_are_this_ones_business() -> None:
    """They are captured and pending, and nothing else is counted; numbers, ids and times go on."""
    _, track = another_run()
    taken = taken_over(track.record, "next", retention=RETENTION, utc=None)
    record = taken.record
    assert (taken.adopted, taken.lost) == (8 * RATE_HZ, 0)
    assert record.ledger.status() == {
        "captured": 8 * RATE_HZ,
        "delivered": 0,
        "pending": 8 * RATE_HZ,
        "dropped": {},
        "muted": 0,
        "gaps": {},
    }
    record.ledger.check()
    assert (record.run, record.numbered_by) == ("next", "run")
    assert (record.ledger.next, record.through, record.sent) == (12 * RATE_HZ, 3 * RATE_HZ, 3 * RATE_HZ)
    assert (record.started, record.place, record.xruns, record.hole) == (0.0, Place(), 0, "")
    assert record.timeline.segments[-1].end is End.RESTART
    assert record.timeline.time_of(11 * RATE_HZ) == 2003.0
    assert record.anchor_at(3 * RATE_HZ) == 2 * RATE_HZ


def test_it_is_delivered_by_the_track_that_goes_on_with_it() -> None:
    """Pending audio first, then what the new run hears, in a segment of its own."""
    buffer, track = another_run()
    record = taken_over(track.record, "next", retention=RETENTION, utc=None).record
    going_on = Track("mic", Ring(buffer), record, retention=RETENTION, block=BLOCK)
    hear(going_on, RATE_HZ, time=5000.0)
    blocks = sent_by(going_on)
    assert {block.numbered_by for block in blocks} == {"run"}
    assert (blocks[0].wanted, blocks[0].follows) == (3 * RATE_HZ, 0)
    got = {n for block in blocks for n in range(max(block.sample, block.wanted), block.stop)}
    assert got == {*range(3 * RATE_HZ, 5 * RATE_HZ), *range(6 * RATE_HZ, 13 * RATE_HZ)}
    last = [block for block in blocks if block.sample >= 12 * RATE_HZ]
    assert (last[0].segment, last[0].time, last[0].pcm) == (
        2,
        5000.0,
        values(12 * RATE_HZ, 12 * RATE_HZ + BLOCK).tobytes(),
    )
    assert [block.end for block in blocks if block.end] == [End.MUTED, End.RESTART]
    assert going_on.record.started == 5000.0


def test_a_run_that_left_nothing_to_deliver_is_not_gone_on_with() -> None:
    """The numbers begin anew, under the new run's name."""
    _, track = another_run()
    track.take(Settled("mic", 0, 12 * RATE_HZ, 0))
    taken = taken_over(track.record, "next", retention=RETENTION, utc=NOW)
    assert taken == begun("next", None)
    assert (taken.record.ledger.next, taken.record.numbered_by) == (0, "next")


def test_more_than_the_retention_is_given_up_and_said() -> None:
    """`retention_s` was lowered: the newest is kept."""
    _, track = another_run()
    taken = taken_over(track.record, "next", retention=5 * RATE_HZ, utc=None)
    assert (taken.adopted, taken.lost) == (5 * RATE_HZ, 3 * RATE_HZ)
    assert taken.record.ledger.pending == [(7 * RATE_HZ, 12 * RATE_HZ)]
    taken.record.ledger.check()


def test_behind_an_older_copy_no_number_is_given_twice() -> None:
    """Newer samples than it knows of may have been sent: the numbers go on from the clock's."""
    _, track = another_run()
    track.record.pass_no = 5
    for run in ("run", "next"):
        record = Record.unpack(track.record.pack())
        record = taken_over(record, run, retention=RETENTION, utc=NOW).record
        assert record.ledger.next == unused(NOW) == int(NOW * RATE_HZ)
        assert record.timeline.segments[-1].stop == 12 * RATE_HZ
        record.ledger.check()
    assert taken_over(record, "next", retention=RETENTION, utc=NOW - 9).record.ledger.next == unused(NOW)


def test_a_file_is_read_on_where_the_copy_says_that_it_stood() -> None:
    """Its samples get other numbers, and come from the same place."""
    _, track = another_run()
    record = taken_over(track.record, "run", retention=RETENTION, utc=NOW).record
    assert record.ledger.next - record.place.sample == 12 * RATE_HZ
    assert (record.place.frame, record.place.time) == (7, 1000.0)


def test_the_copy_of_a_run_that_ended_in_order_is_whole() -> None:
    """Nothing can have come after it: the numbers go on."""
    _, track = another_run()
    track.record.closed = True
    record = taken_over(track.record, "next", retention=RETENTION, utc=NOW).record
    assert (record.ledger.next, record.closed) == (12 * RATE_HZ, False)


def test_where_nobody_knows_which_numbers_were_given_others_are() -> None:
    """The record of this run was lost with its process."""
    assert begun("run", None).record.ledger.next == 0
    assert begun("run", NOW).record.ledger.next == unused(NOW)


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(0, 6), st.booleans())
def test_what_is_copied_reads_the_same(seconds: int, settled_s: int, skip: bool) -> None:
    """To a ring of another capacity, numbers that were left out included."""
    track = track_in(buffer_for(RETENTION), retention=RETENTION)
    hear(track, seconds * RATE_HZ + 17)
    sent_by(track)
    track.take(Settled("mic", 0, settled_s * RATE_HZ, 0))
    record = taken_over(track.record, "next", retention=RETENTION, utc=NOW if skip else None).record
    if not record.ledger.pending:
        return
    track.record = record
    if skip:
        hear(track, RATE_HZ)
    smaller = buffer_for(RETENTION - 5 * RATE_HZ)
    copied(record, track.ring, Ring(smaller))
    again = track_in(smaller, retention=RETENTION)
    for block in sent_by(again):
        first = max(block.sample, block.wanted)
        assert block.pcm[2 * (first - block.sample) :] == values(first, block.stop).tobytes()
    assert again.record.ledger.pending == record.ledger.pending
