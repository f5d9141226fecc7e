"""Core: word errors of a reading, piece by piece, so that it can be said how sure a difference is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heard.compare.align import aligned

PIECE_WORDS = 12
"""About a sentence, or 5 s of speech. Errors come in runs: single words are no independent samples."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of the truth in order, and the errors made on them.

    errors  substitutions, deletions and insertions (an inserted word belongs to the word before it), at
            most `words`: who says nothing makes that many, and a recognizer that repeats itself no more
    uncut   the same without that limit
    """

    words: int
    errors: int
    uncut: int


def pieces(truth: Sequence[str], heard: Sequence[str], *, piece_words: int = PIECE_WORDS) -> list[Piece]:
    """Return the pieces of one recording: about `piece_words` each, nearly equal, one at least.

    They depend on `truth` alone, so that two readings of a recording can be compared piece by piece. No
    words, no pieces.
    """
    if not truth:
        return []
    count = max(1, round(len(truth) / piece_words))
    edges = [len(truth) * number // count for number in range(count + 1)]
    piece_of = [number for number in range(count) for _ in range(edges[number], edges[number + 1])]
    errors = [0] * count
    place = 0
    for wanted, found in aligned(truth, heard):
        place = place if wanted is None else wanted
        if wanted is None or found is None or truth[wanted] != heard[found]:
            errors[piece_of[place]] += 1
    return [
        Piece(end - start, min(made, end - start), made)
        for start, end, made in zip(edges, edges[1:], errors, strict=False)
    ]


def rate(found: Sequence[Piece]) -> float:
    """Return the word error rate of pieces that hold words, in percent."""
    return 100 * sum(piece.errors for piece in found) / sum(piece.words for piece in found)
