"""Word errors of what the recognizer makes of a mix."""

from __future__ import annotations

from dataclasses import dataclass

from heard.compare.words import words_of

from ...support.wer import word_errors


@dataclass(frozen=True, slots=True)
class Counted:
    """Word errors of a transcript.

    errors   substitutions, insertions and deletions, at most `words`: who says nothing makes that many
    uncut    the same without that limit; more than `words` where the recognizer ran away
    words    of the reference
    """

    errors: int
    uncut: int
    words: int


def counted(reference: str, hypothesis: str) -> Counted:
    """Compare, with runaway repetition capped: no piece counts for more errors than it has words.

    Raises:
        ValueError: the reference has no words.
    """
    uncut, words = word_errors(reference, hypothesis)
    if not words_of(reference):
        raise ValueError(f"{reference!r}: a reference without words")
    return Counted(min(uncut, words), uncut, words)
