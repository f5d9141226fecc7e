"""A pass goes through pending samples only, and says what it leaves out."""

from heard.capture.blocks import Track
from heard.capture.cursor import LEAD_IN, LEAST_LEAP
from heard.wire.audio import Block, End
from heard.wire.positions import From, Replay, Settled

from .made import BLOCK, RATE_HZ, buffer_for, hear, sent_by, track_in

RETENTION = 60 * RATE_HZ


def with_backlog() -> Track:
    """Return a track of 40 s whose live audio is settled from 20 s to 30 s, while 5 s to 20 s are pending."""
    track = track_in(buffer_for(RETENTION), retention=RETENTION)
    hear(track, 40 * RATE_HZ)
    sent_by(track)
    track.take(Settled("mic", 20 * RATE_HZ, 30 * RATE_HZ, 29 * RATE_HZ))
    track.take(Settled("mic", 0, 5 * RATE_HZ, 4 * RATE_HZ))
    return track


def passes(blocks: list[Block]) -> list[list[Block]]:
    """Return the blocks of each pass."""
    numbers = sorted({block.pass_no for block in blocks})
    return [[block for block in blocks if block.pass_no == number] for number in numbers]


def test_a_replay_leaps_over_what_is_settled() -> None:
    """Each pending stretch is a pass of its own, with a lead-in, and the next one says where it ended."""
    track = with_backlog()
    track.take(Replay("mic", From.SETTLED))
    first, second = passes(sent_by(track))
    assert (first[0].sample, first[0].wanted, first[0].follows) == (0, 5 * RATE_HZ, 0)
    assert first[-1].stop == 20 * RATE_HZ
    assert (second[0].sample, second[0].wanted) == (30 * RATE_HZ - LEAD_IN, 30 * RATE_HZ)
    assert {block.follows for block in second if block.stop <= 30 * RATE_HZ} == {20 * RATE_HZ}
    wanted = [block for block in second if block.sample >= 30 * RATE_HZ]
    assert [block.follows for block in wanted] == [20 * RATE_HZ, *(block.stop for block in wanted[:-1])]
    assert second[-1].stop == 40 * RATE_HZ


def test_each_stretch_has_the_turn_that_is_under_way_in_it() -> None:
    """The ids of turns are made from it: the backlog's is older than the live audio's."""
    track = with_backlog()
    track.take(Replay("mic", From.SETTLED))
    first, second = passes(sent_by(track))
    assert {block.anchor for block in first} == {4 * RATE_HZ}
    assert {block.anchor for block in second} == {29 * RATE_HZ}


def test_the_last_block_before_a_leap_ends_with_what_is_pending() -> None:
    """To the sample, wherever the blocks' grid lies."""
    track = with_backlog()
    track.take(Settled("mic", 20 * RATE_HZ - 7, 20 * RATE_HZ, 0))
    track.take(Replay("mic", From.SETTLED))
    first, second = passes(sent_by(track))
    assert first[-1].stop == 20 * RATE_HZ - 7
    assert second[0].follows == 20 * RATE_HZ - 7


def test_a_short_settled_stretch_is_sent_again() -> None:
    """It holds no word; a leap would cost a lead-in and a session."""
    track = track_in(buffer_for(RETENTION), retention=RETENTION)
    hear(track, 10 * RATE_HZ)
    sent_by(track)
    track.take(Settled("mic", RATE_HZ, RATE_HZ + LEAST_LEAP - 1, 0))
    track.take(Replay("mic", From.SETTLED))
    (only,) = passes(sent_by(track))
    assert [block.stop for block in only] == list(range(BLOCK, 10 * RATE_HZ + 1, BLOCK))


def test_where_all_that_follows_is_settled_the_live_audio_is_next() -> None:
    """The denoiser gets its lead-in, and the end of the last segment is told again."""
    track = with_backlog()
    track.take(Settled("mic", 30 * RATE_HZ, 40 * RATE_HZ, 0))
    track.take(Replay("mic", From.SETTLED))
    _, second = passes(sent_by(track))
    assert (second[0].sample, second[0].wanted) == (40 * RATE_HZ - LEAD_IN, 40 * RATE_HZ)
    hear(track, BLOCK)
    (live,) = sent_by(track)
    assert (live.sample, live.follows) == (40 * RATE_HZ, 20 * RATE_HZ)
    track.take(Settled("mic", 40 * RATE_HZ, 41 * RATE_HZ, 0))
    track.end(End.ENDED)
    track.take(Replay("mic", From.SETTLED))
    last = sent_by(track)[-1]
    assert (last.end, last.stop, last.follows) == (End.ENDED, 40 * RATE_HZ + BLOCK, 20 * RATE_HZ)


def test_segments_that_are_settled_are_left_out() -> None:
    """The next pass begins at the first pending sample of a later one, without what came before it."""
    track = track_in(buffer_for(RETENTION), retention=RETENTION)
    for _ in range(4):
        hear(track, 2 * RATE_HZ)
        track.end(End.MUTED)
    sent_by(track)
    track.take(Settled("mic", RATE_HZ, 6 * RATE_HZ, 0))
    track.take(Replay("mic", From.SETTLED))
    first, second = passes(sent_by(track))
    assert [block.end for block in first if block.end] == []
    assert (second[0].sample, second[0].segment, second[0].follows) == (6 * RATE_HZ, 3, RATE_HZ)
    assert second[-1].end is End.MUTED


def test_a_stretch_that_ends_with_its_segment_says_so() -> None:
    """Before the leap: whoever hears it need not wait for more."""
    track = track_in(buffer_for(RETENTION), retention=RETENTION)
    for _ in range(3):
        hear(track, 2 * RATE_HZ)
        track.end(End.LOST)
    sent_by(track)
    track.take(Settled("mic", 2 * RATE_HZ, 4 * RATE_HZ, 0))
    track.take(Replay("mic", From.SETTLED))
    first, second = passes(sent_by(track))
    assert (first[-1].stop, first[-1].end) == (2 * RATE_HZ, End.LOST)
    assert second[0].sample == 4 * RATE_HZ


def test_a_leap_that_is_lost_on_its_way_is_made_again() -> None:
    """`denoise` died with the end of the first stretch in its hands."""
    track = with_backlog()
    track.take(Replay("mic", From.SETTLED))
    sent_by(track)
    track.record.through = 19 * RATE_HZ
    track.take(Replay("", From.RECEIVED))
    first, second = passes(sent_by(track))
    assert (first[0].wanted, first[0].follows, first[-1].stop) == (19 * RATE_HZ, 19 * RATE_HZ, 20 * RATE_HZ)
    assert (second[0].wanted, second[0].follows) == (30 * RATE_HZ, 20 * RATE_HZ)


def test_what_is_settled_while_a_lead_in_is_sent_is_leapt_over_at_once() -> None:
    """The pass that was under way is given up."""
    track = with_backlog()
    track.take(Replay("mic", From.SETTLED))
    block = track.next_block()
    assert block is not None
    track.sent(block)
    track.take(Settled("mic", 5 * RATE_HZ, 20 * RATE_HZ, 0))
    assert sent_by(track)[0].wanted == 30 * RATE_HZ
