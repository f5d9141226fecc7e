"""Partials: which words of an open turn may be shown.

A reading of half a sentence guesses at its end. LocalAgreement-2 (Liu, Spanakis, Niehues:
"Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis
selection", Interspeech 2020) shows the longest common prefix of two successive readings.
"""

from collections.abc import Sequence

from .engines import SpokenWord

_MARKS = ".,?!;:—-…\"'"


def comparable(text: str) -> str:
    """Return a word without case and surrounding marks: two readings rarely agree on those."""
    return text.strip(_MARKS).casefold()


class Agreement:
    """The agreed part of one turn's successive readings."""

    def __init__(self) -> None:
        self._last: tuple[SpokenWord, ...] = ()
        self._shown: tuple[SpokenWord, ...] = ()

    @property
    def shown(self) -> tuple[SpokenWord, ...]:
        """The words last returned by `observe`."""
        return self._shown

    def observe(self, words: Sequence[SpokenWord]) -> tuple[SpokenWord, ...] | None:
        """Take another reading of the whole turn and return the words to show, if they changed.

        A shorter agreement that says nothing new is not shown: text that comes and goes is harder
        to read than text that waits.
        """
        last, self._last = self._last, tuple(words)
        agreed: list[SpokenWord] = []
        for before, now in zip(last, self._last, strict=False):
            if comparable(before.text) != comparable(now.text):
                break
            agreed.append(now)
        if not agreed:
            return None
        if last[len(agreed) - 1].text != agreed[-1].text:
            # The marks after the last word are what the next reading changes first.
            word = agreed[-1]
            agreed[-1] = SpokenWord(word.text.rstrip(_MARKS) or word.text, word.confidence)
        texts = [comparable(word.text) for word in agreed]
        if texts == [comparable(word.text) for word in self._shown[: len(texts)]]:
            return None
        self._shown = tuple(agreed)
        return self._shown
