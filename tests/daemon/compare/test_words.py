"""Words as they are compared."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.compare.words import words_of

from ...support import corpus


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mr. Hale's box-car, isn't it?", "mister hale's box car isn't it"),
        ("In 1455, the 42nd", "in fourteen fifty five the forty second"),
        ("1,200 & 3% of 420", "one thousand two hundred and three percent of four hundred twenty"),
        ("1900 90 0 20th 8th 12th", "nineteen hundred ninety zero twentieth eighth twelfth"),
        ("2000000 5000000000", "two million five zero zero zero zero zero zero zero zero zero"),
        ("To-day \u2014 don\u2019t", "today don't"),
        ("... !", ""),
    ],
)
def test_texts_are_brought_to_one_form(text: str, words: str) -> None:
    """Lower case, numbers as words, no marks but apostrophes."""
    assert words_of(text) == words.split()


def test_a_transcript_in_that_form_stays_as_it_is() -> None:
    """The corpus has its transcripts so."""
    for utterance in corpus.utterances():
        expected = [word.removeprefix("'") for word in utterance.transcript.split()]
        assert words_of(utterance.transcript) == expected


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_any_text_has_words(text: str) -> None:
    """Nothing that a person or a recognizer writes is refused; words have no blanks in them."""
    assert all(word and word == "".join(word.split()) for word in words_of(text))
