"""The model itself."""

import numpy as np
import pytest

from heard.recognizer.engines import Samples, Utterance
from heard.recognizer.moonshine import TINY, Moonshine, load

from ...support import corpus
from ...support.wer import word_error_rate


@pytest.fixture(scope="module")
def moonshine() -> Moonshine:
    return load(TINY)


def samples_of(name: str) -> Samples:
    return corpus.utterance(name).samples().astype(np.float32)


def test_whole_recordings_are_read(moonshine: Moonshine) -> None:
    """Clean speech of three speakers."""
    names = ("vctk-p225-011", "arctic-aew-a0003", "ls-198-209-0000")
    pairs = [
        (
            corpus.utterance(name).transcript,
            " ".join(w.text for w in moonshine.recognize(samples_of(name)).words),
        )
        for name in names
    ]
    assert word_error_rate(pairs) <= 0.1


@pytest.mark.parametrize("length", [0, 1, 127, 8_000])
def test_audio_too_short_for_a_word_is_no_error(moonshine: Moonshine, length: int) -> None:
    """The encoder's convolutions need more than a few samples; they are filled up."""
    assert len(moonshine.recognize(np.zeros(length, np.float32)).words) <= 3


def test_noise_does_not_make_it_talk_on(moonshine: Moonshine) -> None:
    """No more words than anyone can say in that time, and no phrase over and over."""
    samples = corpus.noise("babble-cafe").samples().astype(np.float32)[: 16_000 * 10]
    texts = [word.text for word in moonshine.recognize(samples).words]
    assert len(texts) <= 71
    assert not any(len(set(texts[at : at + 5])) == 1 for at in range(len(texts) - 4))


@pytest.mark.parametrize("spoiled", [0, 7, 15])
def test_a_draft_saves_work_and_changes_no_word(moonshine: Moonshine, spoiled: int) -> None:
    """A reading with its own tokens as draft, or with a wrong one among them, says the same as without."""
    samples = samples_of("vctk-p225-011")
    plain = moonshine.recognize(samples)
    tokens = list(plain.tokens)
    if spoiled:
        tokens[spoiled] = 1000
    drafted = moonshine.recognize(samples, draft=Utterance(tokens=tuple(tokens)))
    assert [word.text for word in drafted.words] == [word.text for word in plain.words]


def test_a_reading_stops_when_it_is_cancelled(moonshine: Moonshine) -> None:
    """After at most one token, so that a final need not wait for a partial."""
    samples = samples_of("vctk-p225-011")
    assert len(moonshine.recognize(samples, cancelled=lambda: True).tokens) <= 1
