"""Moonshine's `tokenizer.bin`: reading it, and putting tokens together to words.

The file lists the vocabulary in order of token number. Each entry is a length and that many bytes.
The length is one byte, or two when the first is 128 or more: then 128 times the second is added to the
first less 128. A length of 0 is an unused number. A byte that has no character of its own is a token of one
byte. U+2581 (▁) stands for the space before a word. Entries in angle brackets are signs to the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .engines import SpokenWord

BOS = 1
EOS = 2

_SPACE = "▁".encode()


class VocabularyError(ValueError):
    """The bytes are not a vocabulary."""


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """The vocabulary: bytes by token number."""

    vocabulary: tuple[bytes, ...]

    def words(self, tokens: Sequence[int], probabilities: Sequence[float]) -> tuple[SpokenWord, ...]:
        """Return the words that `tokens` spell.

        A word's confidence is the geometric mean of its tokens' probabilities. Words without a
        letter or digit are left out.
        """
        groups: list[tuple[bytearray, list[float]]] = []
        for token, probability in zip(tokens, probabilities, strict=True):
            piece = self.vocabulary[token]
            if piece.startswith(b"<") and piece.endswith(b">") and len(piece) > 1:
                continue
            if piece.startswith(_SPACE) or not groups:
                groups.append((bytearray(), []))
            groups[-1][0].extend(piece.replace(_SPACE, b" "))
            groups[-1][1].append(probability)
        return tuple(
            word
            for spelled, values in groups
            for word in _split(spelled.decode(errors="replace"), _geometric_mean(values))
        )


def read_vocabulary(data: bytes) -> Tokenizer:
    """Read a `tokenizer.bin`.

    Raises:
        VocabularyError: `data` ends within an entry.
    """
    vocabulary: list[bytes] = []
    at = 0
    while at < len(data):
        length = data[at]
        at += 1
        if length >= 128:
            if at == len(data):
                raise VocabularyError("ends within a length")
            length = data[at] * 128 + length - 128
            at += 1
        if at + length > len(data):
            raise VocabularyError("ends within an entry")
        vocabulary.append(data[at : at + length])
        at += length
    return Tokenizer(tuple(vocabulary))


def _split(text: str, confidence: float) -> list[SpokenWord]:
    return [SpokenWord(word, confidence) for word in text.split() if any(c.isalnum() for c in word)]


def _geometric_mean(values: Sequence[float]) -> float:
    product = 1.0
    for value in values:
        product *= value
    return float(product ** (1 / len(values)))
