"""A recording as the daemon would capture it, from a file and back into one."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heard.capture.files import FileInput
from heard.capture.record import Place
from heard.capture.source import Now
from heard.denoise.pcm import Pcm
from heard.settings import WORKING_RATE_HZ, Source

ROOM = 10 * WORKING_RATE_HZ
"""Samples asked for at once."""
BEGINNING = Now(0.0, 1.0)
"""Files are read as fast as they can be: no clock matters."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Audio at the working rate. `name`: for people; `stem`: of the files made of it, unlike any other's."""

    name: str
    stem: str
    pcm: Pcm

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / WORKING_RATE_HZ


def read(path: Path, channel: int, stem: str) -> Recording:
    """Return the file at `path` as capture hears it: resampled, one channel (from 1; 0 mixes all down).

    Raises:
        InputRefusedError: it does not exist, is no audio, or has no such channel.
    """
    source = Source(input="file", path=str(path), pace="fast", channel=channel)
    sound = FileInput(source, Place(), 0)
    sound.start(BEGINNING)
    pieces: list[Pcm] = []
    while not sound.ended:
        pieces += [heard.pcm for heard in sound.read(BEGINNING, ROOM)]
    return Recording(str(path), stem, np.concatenate(pieces) if pieces else np.zeros(0, np.int16))


def stems(paths: Sequence[Path]) -> list[str]:
    """Return a stem for each path: the file's own, with a number behind it where it is there already."""
    found: list[str] = []
    for path in paths:
        stem, number = path.stem or "recording", 1
        while stem in found:
            number += 1
            stem = f"{path.stem}-{number}"
        found.append(stem)
    return found


def write(path: Path, pcm: Pcm) -> None:
    """Write 16-bit mono at the working rate as WAV.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("wb") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(WORKING_RATE_HZ)
        sound.writeframes(pcm.astype("<i2").tobytes())
