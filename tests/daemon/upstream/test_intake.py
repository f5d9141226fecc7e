"""Which blocks are new, which come twice, what is missing."""

from hypothesis import given
from hypothesis import strategies as st

from heard.upstream.intake import Intake
from heard.wire.audio import Block, End

from ...support.coded_audio import coded


def block(
    sample: int,
    samples: int = 10,
    *,
    follows: int | None = None,
    wanted: int = 0,
    end: End = End.NO,
    segment: int = 0,
) -> Block:
    """Return a block of coded audio."""
    follows = sample if follows is None else follows
    return Block(
        "mic", sample, sample / 16000, coded(sample, samples) if samples else b"", follows=follows,
        wanted=wanted, end=end, segment=segment,
    )  # fmt: skip


def test_blocks_in_order_are_all_new() -> None:
    """They pass as they are."""
    intake = Intake()
    for sample in (0, 10, 20):
        assert intake.take(block(sample)).block == block(sample)
    assert intake.next == 30


def test_what_came_before_is_cut_off() -> None:
    """A replay repeats: whole blocks are dropped, a block that begins earlier is trimmed, its time too."""
    intake = Intake()
    intake.take(block(0, 25))
    assert intake.take(block(10)).block is None
    fresh = intake.take(block(20)).block
    assert fresh is not None
    assert (fresh.sample, fresh.pcm) == (25, coded(25, 5))
    assert abs(fresh.time - 25 / 16000) < 1e-9
    assert intake.duplicates == 15


def test_a_loss_shows_and_changes_nothing() -> None:
    """The block that does not follow is not taken; the missing one is still expected."""
    intake = Intake()
    intake.take(block(0))
    assert intake.take(block(20)).missing
    assert intake.next == 10
    assert not intake.take(block(10)).missing


def test_a_hole_on_purpose_is_taken() -> None:
    """`follows` says that nothing was sent in between."""
    intake = Intake()
    intake.take(block(0))
    taken = intake.take(block(500, follows=10))
    assert not taken.missing
    assert taken.block is not None
    assert taken.block.sample == 500


def test_the_first_block_must_begin_a_pass() -> None:
    """One that follows on pending samples was meant for the process that was here before."""
    intake = Intake()
    assert intake.take(block(500)).missing
    assert intake.next is None
    assert intake.take(block(440, follows=440, wanted=440)).missing, "its pass is not for a beginner"
    taken = intake.take(block(440, follows=0, wanted=440))
    assert not taken.missing
    assert intake.next == 450


def test_lead_in_before_what_is_wanted_is_not_taken() -> None:
    """Should any come through."""
    intake = Intake()
    taken = intake.take(block(100, follows=0, wanted=105))
    assert taken.block is not None
    assert taken.block.sample == 105


def test_a_segment_ends_once() -> None:
    """With its last samples or with an empty block, and not again in a replay."""
    intake = Intake()
    assert intake.take(block(0, end=End.MUTED)).ends
    assert not intake.take(block(0, end=End.MUTED)).ends
    assert intake.take(block(10, 0, end=End.MUTED, segment=1)).ends
    assert not intake.take(block(10, 0, end=End.MUTED, segment=1)).ends


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=40))
def test_what_is_taken_has_no_gap_and_no_repetition(cuts: list[tuple[int, int]]) -> None:
    """Any blocks of one stream, in any order: what is taken is its beginning, once."""
    intake = Intake()
    pcm = b""
    for at, samples in cuts:
        if (fresh := intake.take(block(at * 4, samples * 4)).block) is not None:
            pcm += fresh.pcm
    assert pcm == (coded(0, len(pcm) // 2) if pcm else b"")


def test_a_hole_is_told() -> None:
    """What lies in it is done with: the audio before is at its end."""
    intake = Intake()
    assert not intake.take(block(0)).hole
    assert intake.take(block(500, follows=10, wanted=500)).hole
    assert not intake.take(block(510)).hole
    end = intake.take(block(900, 0, follows=510, end=End.ENDED))
    assert (end.hole, end.ends, end.block) == (True, True, None)


def test_a_segment_may_have_the_number_of_an_earlier_one() -> None:
    """`capture` lost its record and counts anew, at sample numbers that were never used."""
    intake = Intake()
    assert intake.take(block(0, end=End.MUTED, segment=3)).ends
    assert intake.take(block(10**12, follows=0, end=End.MUTED, segment=0)).ends
