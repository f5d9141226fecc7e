"""The voice detector."""

import os
import subprocess
import sys

import numpy as np
import pytest

from heard.recognizer.vad import CHUNK_SAMPLES, SileroDetector

from ...support import corpus


def probabilities(samples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    detector = SileroDetector()
    whole = len(samples) // CHUNK_SAMPLES * CHUNK_SAMPLES
    return [
        detector.probability(samples[at : at + CHUNK_SAMPLES].astype(np.float32))
        for at in range(0, whole, CHUNK_SAMPLES)
    ]


def test_speech_is_told_from_noise() -> None:
    """Most of a sentence is speech, hardly any of a train is."""
    speech = probabilities(corpus.utterance("vctk-p225-011").samples())
    noise = probabilities(corpus.noise("train-interior").samples())
    assert np.mean(np.array(speech) > 0.5) > 0.7
    assert np.mean(np.array(noise) > 0.5) < 0.02


@pytest.mark.parametrize("level", [0.0, 5.0, -5.0])
def test_any_level_gives_a_probability(level: float) -> None:
    """Silence, and levels that 16 bits cannot hold."""
    assert 0 <= SileroDetector().probability(np.full(CHUNK_SAMPLES, level, np.float32)) <= 1


def test_it_works_in_one_thread_and_leaves_the_environment_alone() -> None:
    """OpenMP's own four threads cost ten times the work."""
    program = (
        "import os, numpy as np\n"
        "from heard.recognizer.vad import *\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "SileroDetector().probability(np.zeros(CHUNK_SAMPLES, np.float32))\n"
        "assert 'OMP_THREAD_LIMIT' not in os.environ\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_THREAD_LIMIT"}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")
