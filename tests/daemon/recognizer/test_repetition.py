"""Loops are recognized and said once."""

import pytest

from heard.recognizer.engines import SpokenWord
from heard.recognizer.repetition import collapse, is_looping, token_limit


def collapsed(text: str, *, finished: bool = True) -> str:
    words = [SpokenWord(word, 0.5) for word in text.split()]
    return " ".join(word.text for word in collapse(words, finished=finished))


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("you you you you you you", "you"),
        ("well the same, the same, the same, the same, The same. So", "well the same, So"),
        ("no, no, no, no", "no, no, no, no"),
        ("row row row your boat", "row row row your boat"),
        ("", ""),
    ],
)
def test_a_phrase_said_five_times_in_a_row_is_said_once(text: str, once: str) -> None:
    """People repeat themselves up to four times; recognizers without end."""
    assert collapsed(text) == once


def test_a_reading_without_an_end_is_suspected_sooner() -> None:
    """Two repetitions are enough then, and a third that was cut short goes with them."""
    text = "don't you? I've got a lot of things. I've got a lot of things. I've got a lot"
    assert collapsed(text, finished=False) == "don't you? I've got a lot of things."
    assert collapsed(text) == text


@pytest.mark.parametrize(
    ("tokens", "looping"),
    [([7] * 5, True), ([7] * 4, False), ([1, 2, 3] * 5, True), ([9, *[1, 2] * 5], True), (range(60), False)],
)
def test_a_loop_of_tokens_is_noticed_while_decoding(tokens: list[int], looping: bool) -> None:
    """The end of the sequence repeats five times."""
    assert is_looping(list(tokens)) is looping


def test_the_limit_of_tokens_grows_with_the_audio() -> None:
    """6.5 tokens a second, and some for the shortest."""
    assert token_limit(0, 16_000) == 6
    assert token_limit(160_000, 16_000) == 71
