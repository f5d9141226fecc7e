"""What the figures say, and that it is no more than they say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.bootstrap import Interval, paired
from heard.compare.grid import OFF, Setting
from heard.compare.verdict import ALIKE_PIECES, FEWEST, MINUTES, Sure, judged, minutes_for, unreferenced

MILD, STRONG = Setting("noisereduce", 0.3), Setting("noisereduce", 1.0)
WORDS = 12


def interval_of(differences: list[int], comparisons: int = 2) -> Interval:
    return paired(differences, [WORDS] * len(differences), comparisons=comparisons, draws=2000)


BETTER, SAME, WORSE = [-1, -2, -1, 0] * 10, [0] * ALIKE_PIECES, [2, 1, 0, 1] * 10
MANY = [2] * ALIKE_PIECES
MIXED = [1, -1, 0, 0, 2, -2, 1, -1] * 5


def test_what_is_clear_is_recommended() -> None:
    """With the least that it is good for; what is worse is named."""
    verdict = judged({MILD: interval_of(BETTER), STRONG: interval_of(WORSE)}, minutes=4, kept=STRONG)
    assert (verdict.sure, verdict.recommended, verdict.harmful) == (Sure.CLEAR, MILD, (STRONG,))
    assert verdict.minutes_needed is None
    assert "noisereduce 0.3: 8.3 points fewer word errors than off" in verdict.text
    assert "Worse than off beyond chance: noisereduce 1" in verdict.text


def test_no_difference_is_an_answer() -> None:
    """Once there was enough to see one."""
    verdict = judged({MILD: interval_of(SAME), STRONG: interval_of(SAME)}, minutes=4)
    assert (verdict.sure, verdict.recommended, verdict.leader) == (Sure.ALIKE, OFF, None)
    verdict = judged({MILD: interval_of(SAME[1:]), STRONG: interval_of(SAME[1:])}, minutes=4)
    assert (verdict.sure, verdict.recommended) == (Sure.CANNOT_TELL, None)


def test_what_is_harmful_is_not_kept() -> None:
    """Where nothing is better, `off` is what to take."""
    found = {MILD: interval_of(MIXED), STRONG: interval_of(WORSE)}
    verdict = judged(found, minutes=4, kept=STRONG)
    assert (verdict.sure, verdict.recommended, verdict.harmful) == (Sure.CANNOT_TELL, None, (STRONG,))
    assert verdict.text.endswith("Until then take off.")
    assert judged(found, minutes=4, kept=MILD).text.endswith("keep noisereduce 0.3.")


def test_where_all_else_is_worse_off_is_recommended() -> None:
    """That is as clear as any other answer."""
    verdict = judged({MILD: interval_of(WORSE), STRONG: interval_of(WORSE)}, minutes=4, kept=MILD)
    assert (verdict.sure, verdict.recommended, verdict.harmful) == (Sure.CLEAR, OFF, (MILD, STRONG))


def test_what_is_decided_asks_for_no_more_audio() -> None:
    """A setting that is plainly worse, and differently so from piece to piece, needs no more of it."""
    wild = interval_of([0, 12] * 20)
    alone = judged({MILD: interval_of(MIXED, 1)}, minutes=4).minutes_needed
    beside = judged({MILD: interval_of(MIXED), STRONG: wild}, minutes=4).minutes_needed
    assert alone is not None
    assert beside is not None
    assert alone <= beside <= 2 * alone


@given(st.lists(st.integers(-WORDS, WORDS), min_size=1, max_size=FEWEST - 1))
@settings(max_examples=30, deadline=None)
def test_a_few_sentences_cannot_tell(differences: list[int]) -> None:
    """However they came out; it says how much audio could, and that is more than there was."""
    minutes = len(differences) * 5 / 60
    verdict = judged({MILD: interval_of(differences, 1)}, minutes=minutes)
    assert (verdict.sure, verdict.recommended, verdict.harmful) == (Sure.CANNOT_TELL, None, ())
    assert verdict.text.startswith("cannot tell: ")
    assert verdict.minutes_needed is not None
    assert verdict.minutes_needed > minutes
    assert f"about {verdict.minutes_needed} minute" in verdict.text


def test_without_a_reference_nothing_is_recommended_that_differs() -> None:
    """However sure it is that it does: a vote does not know what was said."""
    verdict = unreferenced({MILD: interval_of(MANY), STRONG: interval_of(SAME)}, minutes=4, kept=MILD)
    assert (verdict.sure, verdict.recommended, verdict.harmful) == (Sure.CANNOT_TELL, None, ())
    assert "noisereduce 0.3 differs from off in 17 % of the words" in verdict.text
    assert "--reference" in verdict.text
    assert verdict.text.endswith("Until then keep noisereduce 0.3.")


def test_without_a_reference_equal_words_are_an_answer() -> None:
    """What says the same is as good; a few words that agree prove nothing."""
    verdict = unreferenced({MILD: interval_of(SAME), STRONG: interval_of(SAME)}, minutes=4)
    assert (verdict.sure, verdict.recommended) == (Sure.ALIKE, OFF)
    verdict = unreferenced({MILD: interval_of([0, 0])}, minutes=0.2)
    assert (verdict.sure, verdict.recommended) == (Sure.CANNOT_TELL, None)
    assert "no words differ" in verdict.text


def test_silence_cannot_tell_either() -> None:
    """And is called what it is."""
    verdict = unreferenced({}, minutes=1)
    assert (verdict.sure, verdict.minutes_needed) == (Sure.CANNOT_TELL, None)
    assert "no words were heard" in verdict.text


def test_with_the_minutes_that_it_asks_for_it_can_tell() -> None:
    """So much of the same audio makes the interval reach the difference and no further."""
    found = interval_of(MIXED, 1)
    minutes = minutes_for({MILD: found}, 4.0, 2.0, comparisons=1)
    times = round(minutes / 4.0)
    longer = interval_of(MIXED * times, 1)
    assert (longer.high - longer.low) / 2 == pytest.approx(2.0, rel=0.25)


def test_what_it_asks_for_is_a_round_figure() -> None:
    """Of minutes; a smaller difference takes more."""
    found = {MILD: interval_of(MIXED, 1)}
    verdict = judged(found, minutes=4)
    assert verdict.minutes_needed in MINUTES
    assert minutes_for(found, 4, 1, comparisons=1) == pytest.approx(
        4 * minutes_for(found, 4, 2, comparisons=1)
    )
