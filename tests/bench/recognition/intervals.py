"""Core: how sure a difference in word errors is, by bootstrap over utterances.

The same utterance is in many mixes, and a speaker who is misheard is misheard in all of them. So what is
drawn with replacement are utterances, each with all of its mixes; drawing words or mixes would make
intervals that are too narrow. Noises are few and are not drawn: an interval says nothing of other noises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 10_000
TAIL_PERCENT = 2.5


@dataclass(frozen=True, slots=True)
class Difference:
    """Word errors of one setting less those of another on one mix, which has so many words."""

    utterance: str
    errors: int
    words: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of word error rates in points, and the 95 % interval around it (percentiles).

    utterances  that it rests on; the interval of a few is too narrow
    """

    points: float
    low: float
    high: float
    utterances: int

    def __str__(self) -> str:
        return f"{self.points:+.1f} [{self.low:+.1f}, {self.high:+.1f}]"


def paired(differences: Sequence[Difference], *, seed: int, draws: int = DRAWS) -> Interval:
    """Return the difference over all words, with its interval; equal arguments give equal intervals.

    Raises:
        ValueError: there is nothing to compare.
    """
    if not differences:
        raise ValueError("no mixes to compare")
    names = sorted({each.utterance for each in differences})
    place = {name: number for number, name in enumerate(names)}
    errors, words = np.zeros(len(names)), np.zeros(len(names))
    for each in differences:
        errors[place[each.utterance]] += each.errors
        words[place[each.utterance]] += each.words
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    found = 100 * (drawn @ errors) / (drawn @ words)
    low, high = np.percentile(found, (TAIL_PERCENT, 100 - TAIL_PERCENT))
    return Interval(float(100 * errors.sum() / words.sum()), float(low), float(high), len(names))
