"""Where in the audio each word was said.

The weights in use export neither word times nor attention, so the times of words are an
estimate: the words of a turn share out the stretches in which the voice detector heard speech, each
in proportion to its letters, and no word spans a pause. The start of a turn's first word and
the end of its last are measured; in between, expect errors of some 0.2 s.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import TypeAlias

from .engines import RATE_HZ, SpokenWord, Word

Span: TypeAlias = tuple[int, int]
"""First sample and the one after the last, in session audio at `RATE_HZ`."""

_WORD_COST = 2
"""What a word takes besides its letters: short words are said more slowly per letter."""


def to_ms(sample: int) -> int:
    """Return a sample number at `RATE_HZ` as ms."""
    return round(sample * 1000 / RATE_HZ)


def place_words(words: Sequence[SpokenWord], speech: Sequence[Span]) -> tuple[Word, ...]:
    """Give each word its times: ascending, each at least 1 ms long, within `speech`.

    `speech` holds the turn's stretches of speech, ascending and apart, at least one of them and
    none empty.
    """
    if not words:
        return ()
    costs = [_WORD_COST + sum(c.isalnum() for c in word.text) for word in words]
    elapsed = [0]
    for start, end in speech:
        elapsed.append(elapsed[-1] + end - start)
    share = elapsed[-1] / sum(costs)
    placed: list[Word] = []
    spent = 0
    floor_ms = 0
    for word, cost in zip(words, costs, strict=True):
        first, last = spent * share, (spent + cost) * share
        spent += cost
        index = min(bisect_right(elapsed, (first + last) / 2) - 1, len(speech) - 1)
        start, end = speech[index]
        start_ms = to_ms(start + max(0, round(first) - elapsed[index]))
        end_ms = to_ms(min(end, start + round(last) - elapsed[index]))
        start_ms = max(start_ms, floor_ms)
        end_ms = max(end_ms, start_ms + 1)
        floor_ms = end_ms
        placed.append(Word(word.text, start_ms, end_ms, word.confidence))
    return tuple(placed)
