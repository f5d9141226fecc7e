"""A track hands on every sample once and in order, whatever dies, and says what it gave up."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from heard.capture.blocks import EXPIRE_STEP, MAX_PENDING, Track
from heard.capture.cursor import LEAD_IN, LEAST_LEAP
from heard.capture.ring import Ring
from heard.capture.timeline import MAX_SEGMENTS
from heard.wire.audio import Block, End
from heard.wire.positions import From, Received, Refused, Replay, Settled

from .made import BLOCK, RATE_HZ, buffer_for, hear, record_in, sent_by, track_in, values

RETENTION = 3 * RATE_HZ


def made(buffer: bytearray | None = None, block: int = BLOCK) -> Track:
    return track_in(buffer or buffer_for(RETENTION), retention=RETENTION, block=block)


def test_blocks_are_whole_until_the_segment_ends() -> None:
    """A rest waits for more; with the end it goes, and carries why."""
    track = made()
    hear(track, 2 * BLOCK + 7)
    blocks = sent_by(track)
    assert [(block.sample, block.samples, block.end) for block in blocks] == [
        (0, BLOCK, End.NO),
        (BLOCK, BLOCK, End.NO),
    ]
    track.end(End.MUTED)
    (last,) = sent_by(track)
    assert (last.sample, last.samples, last.end) == (2 * BLOCK, 7, End.MUTED)
    assert last.pcm == values(2 * BLOCK, 2 * BLOCK + 7).tobytes()


def test_an_end_on_a_block_border_is_an_empty_block() -> None:
    """What was sent before cannot say it any more."""
    track = made()
    hear(track, BLOCK)
    sent_by(track)
    track.end(End.LOST)
    (block,) = sent_by(track)
    assert (block.sample, block.samples, block.end) == (BLOCK, 0, End.LOST)
    assert block.time == pytest.approx(1000.0 + BLOCK / RATE_HZ)
    assert sent_by(track) == []


def test_the_next_segment_has_its_own_number_start_and_time() -> None:
    """Sample numbers go on, time does not."""
    track = made()
    hear(track, BLOCK + 5)
    track.end(End.LOST)
    hear(track, BLOCK, time=2000.0)
    block = sent_by(track)[-1]
    assert (block.segment, block.segment_start, block.sample, block.time) == (1, BLOCK + 5, BLOCK + 5, 2000.0)


def test_an_input_that_ends_says_so_even_without_a_sample() -> None:
    """Nothing was heard, or the last segment ended before: an empty one carries the end."""
    for heard in (0, BLOCK):
        track = made()
        if heard:
            hear(track, heard)
            track.end(End.MUTED)
        track.end(End.ENDED)
        assert sent_by(track)[-1].end is End.ENDED
    track = made()
    track.end(End.SHUTDOWN)
    assert sent_by(track) == []


def test_a_jump_of_the_clock_moves_the_blocks_time_and_nothing_else() -> None:
    """An xrun: the numbers go on in the same segment."""
    track = made()
    hear(track, BLOCK)
    track.append(values(BLOCK, 2 * BLOCK), 1000.5)
    first, second = sent_by(track)
    assert (first.time, second.time) == (1000.0, 1000.5)
    assert (second.segment, second.sample, second.follows) == (0, BLOCK, BLOCK)


def test_a_replay_of_received_brings_lead_in() -> None:
    """Six seconds before what is wanted, in a new pass; never before the segment began."""
    track = made()
    hear(track, 4 * RATE_HZ)
    sent_by(track)
    track.take(Settled("mic", 0, 4 * RATE_HZ, 0))
    hear(track, 4 * RATE_HZ)
    sent_by(track)
    track.take(Settled("mic", 0, 7 * RATE_HZ, 6 * RATE_HZ))
    track.take(Received("mic", 7 * RATE_HZ + 5, 7 * RATE_HZ))
    track.take(Replay("", From.RECEIVED))
    first = sent_by(track)[0]
    assert (first.sample, first.wanted) == (7 * RATE_HZ + 5 - LEAD_IN, 7 * RATE_HZ + 5)
    assert (first.pass_no, first.follows, first.anchor) == (1, first.wanted, 6 * RATE_HZ)
    track.end(End.MUTED)
    hear(track, RATE_HZ)
    track.take(Received("mic", 8 * RATE_HZ + 1, 0))
    track.take(Replay("", From.RECEIVED))
    first = sent_by(track)[0]
    assert (first.sample, first.pass_no, first.segment) == (8 * RATE_HZ, 2, 1)


def test_a_replay_of_settled_starts_at_the_oldest_pending_sample() -> None:
    """And tells the end of a segment again, for whoever has missed it."""
    track = made()
    hear(track, RATE_HZ)
    sent_by(track)
    track.take(Settled("mic", 0, 1000, 900))
    track.take(Received("mic", RATE_HZ, RATE_HZ))
    track.take(Replay("mic", From.SETTLED))
    assert track.record.through == 1000
    assert sent_by(track)[0].wanted == 1000
    track.end(End.ENDED)
    track.take(Settled("mic", 0, RATE_HZ, 900))
    sent_by(track)
    track.take(Replay("mic", From.SETTLED))
    last = sent_by(track)[-1]
    assert (last.end, last.stop, last.wanted) == (End.ENDED, RATE_HZ, RATE_HZ)


def test_what_is_retained_too_long_is_dropped_and_the_hole_is_meant() -> None:
    """The oldest goes, a second at once; the next block follows on what was sent before."""
    track = made()
    hear(track, RATE_HZ)
    assert sent_by(track)[-1].stop == RATE_HZ
    hear(track, RETENTION + RATE_HZ)
    dropped = track.record.ledger.dropped["expired"]
    assert dropped == track.next - RETENTION
    assert [(loss.reason, loss.samples, loss.start) for loss in track.losses()] == [
        ("expired", dropped, 1000.0)
    ]
    assert track.losses() == []
    first = sent_by(track)[0]
    assert (first.sample, first.follows, first.pass_no) == (dropped, RATE_HZ, 0)


def test_a_replay_across_dropped_samples_says_that_the_hole_is_meant() -> None:
    """It starts behind them, without lead-in, and follows on what was asked for."""
    track = made()
    hear(track, 2 * RATE_HZ)
    sent_by(track)
    track.take(Received("mic", RATE_HZ, 0))
    hear(track, 2 * RETENTION)
    track.take(Replay("", From.RECEIVED))
    first = sent_by(track)[0]
    expired = track.record.ledger.dropped["expired"]
    assert first.wanted == expired > RATE_HZ
    assert first.follows == 0, "nothing before is pending"


def test_a_ring_is_continued() -> None:
    """Numbers, ledger and pass go on; unconfirmed samples are sent again."""
    buffer = buffer_for(RETENTION)
    track = made(buffer)
    hear(track, RATE_HZ)
    sent_by(track)
    track.take(Received("mic", 1000, 900))
    track.commit()
    again = made(buffer)
    assert (again.next, again.open, again.record.started) == (RATE_HZ, True, 1000.0)
    first = sent_by(again)[0]
    assert (first.pass_no, first.wanted, first.sample) == (1, 1000, 0)


def test_where_only_samples_are_new_their_number_is_written() -> None:
    """Each commit counts, though the record stays; once a second it is written all the same."""
    buffer = buffer_for(RETENTION)
    track = made(buffer)
    hear(track, BLOCK)
    track.commit()
    first = track.ring.sequence
    for _ in range(RATE_HZ // BLOCK):
        assert track.ring.sequence == first
        hear(track, BLOCK)
        track.commit()
        assert record_in(buffer) == track.record
    assert track.ring.sequence == first + 1
    track.take(Settled("mic", 0, 100, 100))
    track.commit()
    assert track.ring.sequence == first + 2
    assert record_in(buffer) == track.record


def test_a_ring_is_moved_with_all_that_came_after_its_record() -> None:
    """Once: what the record in the new place counts already is not counted again."""
    track = made()
    for _ in range(3):
        hear(track, BLOCK)
        track.commit()
    buffer = buffer_for(RETENTION)
    track.move(Ring(buffer))
    assert record_in(buffer) == track.record
    hear(track, BLOCK)
    track.commit()
    assert record_in(buffer) == track.record


def test_refused_samples_are_dropped_with_their_reason() -> None:
    """Upstream gave them up; settling them later changes nothing."""
    track = made()
    hear(track, RATE_HZ)
    track.take(Refused("mic", -5, 100, "refused"))
    track.take(Settled("mic", 0, 200, 200))
    ledger = track.record.ledger
    assert (ledger.dropped, ledger.delivered, track.losses()[0].samples) == ({"refused": 100}, 100, 100)


def test_losses_are_told_by_the_stretch() -> None:
    """What was settled in between is no part of what is given up: each gap is as long as its samples."""
    track = made()
    hear(track, 3 * RATE_HZ)
    track.take(Settled("mic", RATE_HZ, 2 * RATE_HZ, 0))
    track.drop(0, 3 * RATE_HZ - 160, "shutdown")
    assert [
        (loss.samples, round(loss.start - 1000, 6), round(loss.stop - 1000, 6)) for loss in track.losses()
    ] == [
        (RATE_HZ, 0, 1),
        (RATE_HZ - 160, 2, 2.99),
    ]


def test_facts_that_do_not_fit_are_clamped() -> None:
    """Positions of another run or of a confused stage break nothing."""
    track = made()
    hear(track, 100)
    track.take(Settled("mic", -10, 10**12, 10**12))
    track.take(Received("mic", 10**12, -7))
    record = track.record
    assert (record.anchor_at(100), record.through, record.sent, record.ledger.delivered) == (100, 100, 0, 100)


def test_settlements_in_splinters_stay_bounded() -> None:
    """Those that would splinter the rest further wait; nothing is lost from the sum."""
    track = made()
    hear(track, 2 * RATE_HZ)
    for start in range(1, 2 * RATE_HZ, 20):
        track.take(Settled("mic", start, start + 1, 0))
        track.commit()
    track.record.ledger.check()
    assert len(track.record.ledger.pending) <= MAX_PENDING + 1
    track.take(Settled("mic", 0, 2 * RATE_HZ, 0))
    assert track.record.ledger.pending == []


def test_segments_in_splinters_stay_bounded() -> None:
    """The oldest is given up and counted, and its neighbours are still sent."""
    track = made()
    for _ in range(MAX_SEGMENTS + 10):
        hear(track, 10)
        track.end(End.LOST)
    track.record.ledger.check()
    assert len(track.record.timeline.segments) == MAX_SEGMENTS
    assert track.record.ledger.dropped == {"expired": 100}
    blocks = sent_by(track)
    assert (blocks[0].sample, blocks[0].follows) == (100, 0)
    assert [block.end for block in blocks] == [End.LOST] * MAX_SEGMENTS


class Downstream:
    """Denoise and upstream as the pipes' contract has them, without sound: what arrives, in order."""

    def __init__(self) -> None:
        self.next: int | None = None
        self.got: dict[int, int] = {}
        self.holes: list[tuple[int, int]] = []
        self.ends: list[tuple[int, End]] = []
        self.missed = False

    def take(self, block: Block) -> None:
        """Take in one block."""
        if self.next is None:
            if block.follows:
                self.missed = True
                return
            self.next = block.wanted
        start = max(block.sample, block.wanted, self.next)
        if max(block.sample, block.wanted) > self.next and block.stop >= max(block.sample, block.wanted):
            if block.follows > self.next:
                self.missed = True
                return
            self.holes.append((self.next, max(block.sample, block.wanted)))
        pcm = np.frombuffer(block.pcm, dtype="<i2")
        for number in range(start, block.stop):
            self.got[number] = int(pcm[number - block.sample])
        self.next = max(self.next, block.stop, start if block.stop >= block.wanted else 0)
        if block.end and (block.segment, block.end) not in self.ends:
            self.ends.append((block.segment, block.end))


class Journey(RuleBasedStateMachine):
    """A track and its reader, either of which dies at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = buffer_for(RETENTION)
        self.track = made(self.buffer, block=1600)
        self.reader = Downstream()
        self.unread: list[Block] = []
        self.done: list[tuple[int, int]] = []
        self.ends = 0

    @rule(samples=st.sampled_from([37, 1600, 20_000, 50_000]))
    def hear(self, samples: int) -> None:
        """Capture samples."""
        hear(self.track, samples)

    @precondition(lambda self: self.track.open)
    @rule(why=st.sampled_from([End.MUTED, End.LOST]))
    def fall_silent(self, why: End) -> None:
        """End the segment."""
        self.track.end(why)
        self.ends += 1

    @rule(most=st.integers(1, 60))
    def send(self, most: int) -> None:
        """Send some blocks."""
        self.track.commit()
        assert record_in(self.buffer) == self.track.record, "nothing is sent that is not written down"
        for _ in range(most):
            if (block := self.track.next_block()) is None:
                return
            self.track.sent(block)
            self.unread.append(Block.unpack(block.pack()))

    @rule(most=st.integers(1, 60))
    def read(self, most: int) -> None:
        """Read some of what was sent."""
        for block in self.unread[:most]:
            self.reader.take(block)
        del self.unread[:most]
        if self.reader.missed:
            self.ask_again()

    @rule()
    def confirm(self) -> None:
        """Tell what was received."""
        if self.reader.next is not None:
            self.track.take(Received("mic", self.reader.next, self.reader.next))

    @rule(share=st.floats(0, 1))
    def settle(self, share: float) -> None:
        """Settle some of what was received."""
        if self.reader.next is not None:
            start = self.track.record.ledger.oldest_pending
            stop = start + int(share * max(self.reader.next - start, 0))
            self.track.take(Settled("mic", start, stop, stop))

    @rule(first=st.floats(0, 1), share=st.floats(0, 1))
    def settle_further_on(self, first: float, share: float) -> None:
        """Settle something in the middle: live audio, while a backlog is still being heard."""
        if self.reader.next is not None:
            oldest = self.track.record.ledger.oldest_pending
            start = oldest + int(first * max(self.reader.next - oldest, 0))
            stop = start + int(share * max(self.reader.next - start, 0))
            self.track.take(Settled("mic", start, stop, stop))

    @rule()
    def room_is_found(self) -> None:
        """Go on in another ring."""
        self.buffer = buffer_for(RETENTION)
        self.track.move(Ring(self.buffer))
        assert record_in(self.buffer) == self.track.record

    @rule()
    def denoise_dies(self) -> None:
        """Lose what was on its way."""
        self.unread.clear()
        self.track.take(Replay("", From.RECEIVED))

    @rule()
    def denoise_hangs_and_dies(self) -> None:
        """For longer than the retention: what it had not passed on has expired by then."""
        self.unread.clear()
        hear(self.track, RETENTION + 2 * EXPIRE_STEP)
        self.track.take(Replay("", From.RECEIVED))

    def ask_again(self) -> None:
        """Ask for what is missing."""
        self.reader.missed = False
        if self.reader.next is None:
            self.track.take(Replay("mic", From.SETTLED))
            return
        self.track.take(Received("mic", self.reader.next, self.reader.next))
        self.track.take(Replay("mic", From.RECEIVED))

    @rule()
    def upstream_dies(self) -> None:
        """Lose all that was received and not settled."""
        self.reader.next = None
        self.reader.missed = False
        self.reader.got.clear()
        # Some blocks may still be on their way, meant for the process that died.
        self.unread = self.unread[-2:]
        self.track.take(Replay("", From.SETTLED))
        ledger = self.track.record.ledger
        edges = [0, *(edge for interval in ledger.pending for edge in interval), ledger.next]
        stretches = zip(edges[::2], edges[1::2], strict=True)
        self.done = [(start, stop) for start, stop in stretches if stop - start >= LEAST_LEAP]

    @rule()
    def capture_dies(self) -> None:
        """Lose what was not committed; what was sent was committed before."""
        self.buffer = bytearray(self.buffer)
        self.track = made(self.buffer, block=1600)

    @invariant()
    def the_ledger_adds_up(self) -> None:
        """Check the identity at every moment."""
        self.track.record.ledger.check()
        assert self.track.record.ledger.pending_samples <= RETENTION + EXPIRE_STEP

    @invariant()
    def nothing_is_said_twice(self) -> None:
        """Send nothing to the successor of `upstream` that was done with when it died."""
        for number in list(self.reader.got)[-50:] + list(self.reader.got)[:50]:
            assert not any(start <= number < stop for start, stop in self.done), number

    @invariant()
    def what_arrives_is_what_was_captured(self) -> None:
        """Compare the newest samples."""
        assert all(value == number % 30011 for number, value in list(self.reader.got.items())[-50:])

    def teardown(self) -> None:
        """Once nothing dies any more, everything pending arrives; only expired samples never did."""
        if self.track.open:
            self.track.end(End.SHUTDOWN)
        for _ in range(4):
            self.send(10_000)
            self.read(10_000)
        self.track.take(Replay("", From.RECEIVED))
        self.send(10_000)
        self.read(10_000)
        ledger = self.track.record.ledger
        for start, stop in ledger.pending:
            assert self.reader.got.keys() >= set(range(start, stop))
        if ledger.captured and self.track.record.timeline.segments:
            last = self.track.record.timeline.segments[-1]
            assert (last.number, last.end) in self.reader.ends
        assert all(value == number % 30011 for number, value in self.reader.got.items())


TestJourney = Journey.TestCase
TestJourney.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
