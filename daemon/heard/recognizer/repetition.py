"""Runaway repetition: the known fault of small autoregressive recognizers on noise and music.

Moonshine then says the same words until it is stopped ("a lot of other things, a lot of other things, a").
Three guards: decoding is capped at `TOKENS_PER_SECOND` (fast English speech needs about 5.5 tokens of this
vocabulary a second) and stopped in a loop; a phrase said `LOOP_REPEATS` times or more in a row is said once;
and in a reading that did not come to its end by itself, `UNFINISHED_REPEATS` are enough.
"""

from collections.abc import Sequence

from .agreement import comparable
from .engines import SpokenWord

TOKENS_PER_SECOND = 6.5
LOOP_REPEATS = 5
"""People do say a word three or four times in a row ("no, no, no, no")."""

UNFINISHED_REPEATS = 2

_LONGEST_PHRASE_WORDS = 12
_LONGEST_LOOP_TOKENS = 12


def token_limit(samples: int, rate_hz: int) -> int:
    """Return how many tokens speech of this length can need; a few are free for short words."""
    return 6 + int(samples / rate_hz * TOKENS_PER_SECOND)


def is_looping(tokens: Sequence[int]) -> bool:
    """Return whether the last tokens are one sequence `LOOP_REPEATS` times in a row."""
    for period in range(1, _LONGEST_LOOP_TOKENS + 1):
        length = period * LOOP_REPEATS
        if length > len(tokens):
            return False
        tail = tokens[-length:]
        if tail[period:] == tail[:-period]:
            return True
    return False


def collapse(words: Sequence[SpokenWord], *, finished: bool) -> tuple[SpokenWord, ...]:
    """Return `words` with every loop said once; `finished` tells whether the reading had an end.

    The beginning of one more repetition at the very end belongs to the loop.
    """
    least = LOOP_REPEATS if finished else UNFINISHED_REPEATS
    texts = [comparable(word.text) for word in words]
    kept: list[SpokenWord] = []
    at = 0
    while at < len(words):
        period, repeats = _loop_at(texts, at, least)
        kept.extend(words[at : at + period])
        phrase = texts[at : at + period]
        at += period * repeats
        if repeats > 1 and texts[at:] == phrase[: len(texts) - at]:
            break
    return tuple(kept)


def _loop_at(texts: Sequence[str], at: int, least: int) -> tuple[int, int]:
    """Return the length and count of the loop of at least `least` that begins at `at`; (1, 1) for none."""
    for period in range(1, _LONGEST_PHRASE_WORDS + 1):
        phrase = texts[at : at + period]
        repeats = 1
        while texts[at + period * repeats : at + period * (repeats + 1)] == phrase:
            repeats += 1
        if repeats >= least:
            return period, repeats
    return 1, 1
