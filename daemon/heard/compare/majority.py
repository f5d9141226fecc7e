"""Core: what most of several readings of the same speech say, word by word.

After the idea of ROVER (Fiscus, 1997): all readings are laid beside the one that is nearest to the others,
and each place is put to the vote. It is no truth: what all get wrong alike is in it, and settings that are
much alike vote alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from heard.compare.align import aligned, distance

Words = Sequence[str]
T = TypeVar("T")

NOTHING: tuple[str, ...] = ()


def majority(readings: Sequence[Words]) -> list[str]:
    """Return the words that most readings have; where votes are equal, those of the middle reading.

    Raises:
        ValueError: there are no readings.
    """
    middle = middle_of(readings)
    pivot = readings[middle]
    votes: list[Counter[str | None]] = [Counter([word]) for word in pivot]
    # Between two words of the pivot the others may have any number: these are voted on as one.
    between: list[Counter[tuple[str, ...]]] = [Counter([()]) for _ in range(len(pivot) + 1)]
    for number, reading in enumerate(readings):
        if number == middle:
            continue
        extra: list[list[str]] = [[] for _ in between]
        place = 0
        for mine, theirs in aligned(pivot, reading):
            if mine is None:
                assert theirs is not None
                extra[place].append(reading[theirs])
            else:
                votes[mine][None if theirs is None else reading[theirs]] += 1
                place = mine + 1
        for count, words in zip(between, extra, strict=True):
            count[tuple(words)] += 1
    before = _winner(between[0], NOTHING)
    found = list(before)
    for word, vote, after in zip(pivot, votes, between[1:], strict=True):
        winner = _winner(vote, word)
        found += [winner] if winner is not None else []
        added = _winner(after, NOTHING)
        found += added
    return found


def middle_of(readings: Sequence[Words]) -> int:
    """Return the number of the reading with the least distance to all others, of equals the first."""
    if not readings:
        raise ValueError("no readings to vote")
    total = [0] * len(readings)
    for i, one in enumerate(readings):
        for j in range(i):
            apart = distance(one, readings[j])
            total[i] += apart
            total[j] += apart
    return total.index(min(total))


def agreement(pairs: Sequence[tuple[Words, Words]]) -> float:
    """Return the share of words that readings, pair by pair, have in common; 1 for silence in both."""
    longest = sum(max(len(one), len(other)) for one, other in pairs)
    if not longest:
        return 1.0
    return 1 - sum(distance(one, other) for one, other in pairs) / longest


def _winner(votes: Mapping[T, int], otherwise: T) -> T:
    """Return what has the most votes, `otherwise` where that has as many as any."""
    most = max(votes.values())
    return otherwise if votes.get(otherwise) == most else next(each for each in votes if votes[each] == most)
