"""Errors piece by piece."""

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.align import distance
from heard.compare.score import PIECE_WORDS, Piece, pieces, rate

texts = st.lists(st.sampled_from(["a", "b", "c"]), max_size=40)


@settings(deadline=None)
@given(texts, texts, st.integers(1, 15))
def test_the_pieces_are_the_whole(truth: list[str], heard: list[str], piece_words: int) -> None:
    """All words and all errors are in them, and no piece is capped below what it holds."""
    found = pieces(truth, heard, piece_words=piece_words)
    assert sum(piece.words for piece in found) == len(truth)
    if truth:
        assert sum(piece.uncut for piece in found) == distance(truth, heard)
    assert all(piece.errors == min(piece.uncut, piece.words) for piece in found)
    assert all(0 < piece.words <= 2 * piece_words for piece in found)


@settings(deadline=None)
@given(texts, texts, texts)
def test_pieces_of_two_readings_belong_together(truth: list[str], one: list[str], other: list[str]) -> None:
    """They are cut by the truth alone."""
    assert [p.words for p in pieces(truth, one)] == [p.words for p in pieces(truth, other)]


def test_errors_are_where_they_were_made() -> None:
    """An added word belongs to the one before it; a missing one to itself."""
    truth = ["a", "b", "c", "d", "e", "f"]
    added = pieces(truth, ["a", "b", "c", "z", "d", "e", "f"], piece_words=3)
    assert added == [Piece(3, 1, 1), Piece(3, 0, 0)]
    missing = pieces(truth, ["a", "b", "c", "e", "f"], piece_words=3)
    assert missing == [Piece(3, 0, 0), Piece(3, 1, 1)]


def test_a_recognizer_that_repeats_itself_counts_like_one_that_says_nothing() -> None:
    """The runaway is capped where it happened."""
    truth = [str(number) for number in range(2 * PIECE_WORDS)]
    heard = [*truth[:PIECE_WORDS], *["and"] * 500, *truth[PIECE_WORDS:]]
    found = pieces(truth, heard)
    assert (found[0].errors, found[0].uncut, found[1].errors) == (PIECE_WORDS, 500, 0)
    assert rate(found) == 50
