"""Which words of successive readings are shown."""

from heard.recognizer.agreement import Agreement, comparable
from heard.recognizer.engines import SpokenWord


def said(text: str) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(word, 0.5) for word in text.split())


def shown(*readings: str) -> list[str | None]:
    """Return what is shown after each reading, None where nothing changes."""
    agreement = Agreement()
    results = [agreement.observe(said(reading)) for reading in readings]
    return [None if words is None else " ".join(w.text for w in words) for words in results]


def test_a_first_reading_shows_nothing() -> None:
    """One reading is a guess."""
    assert shown("hello there") == [None]


def test_the_common_beginning_is_shown() -> None:
    """Words are shown up to the first on which two successive readings differ."""
    assert shown("when a man", "when a manner of", "when a manner of speaking") == [
        None,
        "when a",
        "when a manner of",
    ]


def test_case_and_marks_do_not_matter_and_the_later_reading_counts() -> None:
    """The words shown are spelled as in the later reading."""
    assert shown("Go by all", "go, by all means")[1] == "go, by all"


def test_a_mark_after_the_last_word_needs_agreement_too() -> None:
    """A reading of half a sentence ends in a full stop that the next one takes back."""
    assert shown("I see.", "I see, but")[1] == "I see"
    assert shown("I see.", "I see. But")[1] == "I see."


def test_a_shorter_agreement_is_not_shown() -> None:
    """Text that was shown does not shrink only because a reading wavers."""
    assert shown("one two three", "one two three", "one two free", "one two three four") == [
        None,
        "one two three",
        None,
        None,
    ]


def test_a_different_agreement_replaces_what_was_shown() -> None:
    """Partials are revisable."""
    assert shown("eye can", "eye can", "I can see", "I can see") == [None, "eye can", None, "I can see"]


def test_empty_readings_agree_on_nothing() -> None:
    """Noise has no words."""
    assert shown("", "", "a", "") == [None, None, None, None]


def test_a_word_of_marks_alone_compares_as_nothing() -> None:
    """Comparison never fails on a word without letters."""
    assert comparable("...") == ""
