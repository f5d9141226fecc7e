"""Word errors."""

import pytest

from .wer import word_error_rate, word_errors, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mr. Hale's box-car, isn't it?", "mister hale's box car isn't it"),
        ("In 1455, the 42nd", "in fourteen fifty five the forty second"),
        ("1,200 & 3% of 420", "one thousand two hundred and three percent of four hundred twenty"),
        ("1900 90 0 20th 8th 12th", "nineteen hundred ninety zero twentieth eighth twelfth"),
        ("To-day \u2014 don\u2019t", "today don't"),
        ("... !", ""),
    ],
)
def test_words_are_compared_as_the_manifest_writes_them(text: str, words: str) -> None:
    """Lower case, numbers as words, no marks but apostrophes."""
    assert words_of(text) == words.split()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors", "words"),
    [
        ("a b c", "A, B, C.", 0, 3),
        ("a b c", "a x c", 1, 3),
        ("a b c", "a c", 1, 3),
        ("a b c", "a b b c", 1, 3),
        ("a b c", "", 3, 3),
        ("", "a b", 2, 0),
        ("the cat sat", "sat the cat", 2, 3),
    ],
)
def test_errors_are_the_fewest_changes(reference: str, hypothesis: str, errors: int, words: int) -> None:
    """Substitutions, deletions and insertions count one each."""
    assert word_errors(reference, hypothesis) == (errors, words)


def test_the_rate_is_pooled() -> None:
    """All errors by all words, not the mean of the rates."""
    assert word_error_rate([("a", "b"), ("a b c", "a b c")]) == 0.25
