"""Word errors of a transcript: the words as `heard compare` takes them, counted in the plainest way."""

from collections.abc import Iterable

from heard.compare.words import words_of


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Return (errors, words of the reference): the least substitutions, insertions, deletions."""
    wanted, found = words_of(reference), words_of(hypothesis)
    row = list(range(len(found) + 1))
    for i, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, start=1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other)),
            )
    return row[-1], len(wanted)


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return errors by words, pooled over pairs of reference and hypothesis."""
    counts = [word_errors(reference, hypothesis) for reference, hypothesis in pairs]
    return sum(errors for errors, _ in counts) / max(1, sum(words for _, words in counts))
