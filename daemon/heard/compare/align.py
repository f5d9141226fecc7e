"""Core: two texts word by word, with the fewest substitutions, insertions and deletions (Levenshtein)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Pair = tuple[int | None, int | None]
"""A word of one text and the word of the other that stands for it; None where there is none."""

_BOTH, _FIRST, _SECOND = range(3)


def aligned(first: Sequence[str], second: Sequence[str]) -> list[Pair]:
    """Return (place in `first`, place in `second`) in order; every place of either is there once.

    Of equally short ways the one is taken that, read from the end, pairs words as early as it can.
    """
    moves, _ = _table(first, second)
    pairs: list[Pair] = []
    i, j = len(first), len(second)
    while i or j:
        move = moves[i, j]
        i -= move != _SECOND
        j -= move != _FIRST
        pairs.append((None if move == _SECOND else i, None if move == _FIRST else j))
    return pairs[::-1]


def distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Return the fewest changes that make one text of the other."""
    return _table(first, second)[1]


def _table(first: Sequence[str], second: Sequence[str]) -> tuple[npt.NDArray[np.uint8], int]:
    """Return the last move towards each pair of places, shape (first + 1, second + 1), and the distance.

    Row by row: the insertions along a row, each dependent on the one before, are a running minimum of
    cost less column. An hour of speech against an hour of speech takes 80 MB and a second or two.
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys((*first, *second)))}
    other = np.array([numbers[word] for word in second], np.int32)
    columns = np.arange(len(second) + 1, dtype=np.int32)
    moves = np.empty((len(first) + 1, len(second) + 1), np.uint8)
    moves[0] = _SECOND
    row = columns.copy()
    for i, word in enumerate(first, start=1):
        paired = row[:-1] + (other != numbers[word])
        without = row + 1
        best = without.copy()
        best[1:] = np.minimum(paired, without[1:])
        row = (np.minimum.accumulate(best - columns) + columns).astype(np.int32)
        moves[i] = _FIRST
        moves[i, 1:][row[1:] < best[1:]] = _SECOND
        moves[i, 1:][row[1:] == paired] = _BOTH
    return moves, int(row[-1])
