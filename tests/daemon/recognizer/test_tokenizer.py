"""Reading the vocabulary, and words from tokens."""

import pytest

from heard.recognizer.tokenizer import Tokenizer, VocabularyError, read_vocabulary

VOCABULARY = [
    b"<unk>",
    b"<s>",
    b"</s>",
    "▁he".encode(),
    b"llo",
    b",",
    "▁".encode(),
    b"\xc3",
    b"\xa9",
    b"<",
]


def test_lengths_of_one_and_two_bytes_are_read() -> None:
    """Entries are as long as their length says, up to 127 in one byte; 0 is an unused number."""
    data = b"\x02ab" + b"\x00" + bytes([300 % 128 + 128, 300 // 128]) + b"x" * 300
    assert read_vocabulary(data) == Tokenizer((b"ab", b"", b"x" * 300))


@pytest.mark.parametrize("data", [b"\x05ab", b"\x80", b"\x02ab\xff\x01abc"])
def test_a_truncated_vocabulary_is_refused(data: bytes) -> None:
    """An entry that ends too soon is an error, not a shorter entry."""
    with pytest.raises(VocabularyError, match="ends within"):
        read_vocabulary(data)


def test_tokens_become_words_with_the_mean_of_their_probabilities() -> None:
    """The space mark begins a word; its confidence is the geometric mean over its tokens."""
    words = Tokenizer(tuple(VOCABULARY)).words([3, 4, 5, 3], [0.9, 0.4, 0.6, 1.0])
    assert [word.text for word in words] == ["hello,", "he"]
    assert words[0].confidence == pytest.approx((0.9 * 0.4 * 0.6) ** (1 / 3))
    assert words[1].confidence == 1.0


def test_bytes_of_one_character_are_put_together() -> None:
    """é is two byte tokens; half of it is shown as unreadable, never an error."""
    tokenizer = Tokenizer(tuple(VOCABULARY))
    assert [w.text for w in tokenizer.words([3, 7, 8], [1, 1, 1])] == ["heé"]
    assert [w.text for w in tokenizer.words([3, 7], [1, 1])] == ["he\ufffd"]


def test_signs_and_lone_marks_are_no_words() -> None:
    """Signs to the model are left out; so is a word without a letter or digit."""
    assert Tokenizer(tuple(VOCABULARY)).words([1, 6, 5, 2, 9], [1, 1, 1, 1, 1]) == ()
