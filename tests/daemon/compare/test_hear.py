"""The words of a recording, without the readings that nobody sees."""

import numpy as np
import pytest

from heard.compare.hear import loaded, transcript
from heard.recognizer.errors import StartError
from heard.recognizer.registry import load_engine

from ...support.corpus import utterance


def test_finals_are_those_of_an_engine_that_reads_partials_too() -> None:
    """Sparing them changes no word, in one turn and in several."""
    pause = np.zeros(32_000, np.int16)
    pieces = [utterance("vctk-p226-016").pcm(), pause, utterance("arctic-aew-a0001").pcm(), pause]
    pcm = np.concatenate(pieces)
    spared = transcript(loaded("moonshine-tiny"), pcm)
    assert spared == transcript(load_engine("moonshine-tiny"), pcm)
    assert len(spared.split()) > 10


def test_silence_has_no_words() -> None:
    """And no error."""
    assert transcript(loaded("moonshine-tiny"), np.zeros(16_000, np.int16)) == ""


def test_an_engine_that_is_not_there() -> None:
    """Is refused as `heard recognizer --engine` refuses it."""
    with pytest.raises(StartError, match="must be one of"):
        loaded("parrot")
