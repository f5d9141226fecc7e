"""Where words are placed."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from heard.recognizer.engines import RATE_HZ, SpokenWord
from heard.recognizer.timing import place_words


def said(text: str) -> list[SpokenWord]:
    return [SpokenWord(word, 0.5) for word in text.split()]


def test_no_words_need_no_place() -> None:
    """An empty turn has no times."""
    assert place_words([], [(0, 100)]) == ()


def test_words_share_a_stretch_by_their_letters() -> None:
    """The first begins and the last ends with the speech; a longer word takes longer."""
    short, long = place_words(said("a extraordinary"), [(RATE_HZ, 2 * RATE_HZ)])
    assert short.start_ms == 1000
    assert short.end_ms == long.start_ms
    assert long.end_ms == 2000
    assert long.end_ms - long.start_ms > 3 * (short.end_ms - short.start_ms)


def test_no_word_spans_a_pause() -> None:
    """A word belongs to the stretch that holds its middle."""
    speech = [(0, RATE_HZ), (3 * RATE_HZ, 4 * RATE_HZ)]
    for word in place_words(said("one two six ten eleven"), speech):
        assert word.end_ms <= 1000 or word.start_ms >= 3000


@given(
    st.lists(st.text("ab'.é", min_size=1, max_size=12), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(1, 90_000), st.integers(512, 90_000)), min_size=1, max_size=8),
)
def test_times_ascend(texts: list[str], gaps: list[tuple[int, int]]) -> None:
    """Whatever the words and stretches, each word has a length and follows the one before."""
    speech, at = [], 0
    for gap, length in gaps:
        speech.append((at + gap, at + gap + length))
        at += gap + length
    words = place_words([SpokenWord(text, 0.1) for text in texts], speech)
    assert [word.text for word in words] == texts
    assert words[0].start_ms >= speech[0][0] * 1000 // RATE_HZ
    assert all(word.start_ms < word.end_ms for word in words)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(words))
