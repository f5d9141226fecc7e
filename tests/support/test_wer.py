"""Word errors."""

import pytest

from .wer import word_error_rate, word_errors


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
