"""The recordings under `tests/data`: real speech with its transcript, and real noise.

All are 16 kHz mono 16-bit; `tests/data/README.md` says where each comes from.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

DATA = Path(__file__).resolve().parents[1] / "data"
RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Recording:
    """One file of the corpus.

    name        the file's name without its ending, such as `vctk-p225-011`
    path        absolute
    condition   speech: `read`, `public-speech`, …; noise: what is heard
    duration_s  rounded to 10 ms, as the manifest has it
    licence     with its author where one has to be named
    sha256      of the decoded samples as little-endian 16-bit, in hexadecimal
    """

    name: str
    path: Path
    condition: str
    duration_s: float
    licence: str
    sha256: str

    def pcm(self) -> npt.NDArray[np.int16]:
        """Return the samples as stored, shape (samples,)."""
        return np.asarray(self._read("int16"), dtype=np.int16)

    def samples(self) -> npt.NDArray[np.float64]:
        """Return the samples in [-1, 1), shape (samples,)."""
        return np.asarray(self._read("float64"), dtype=np.float64)

    def _read(self, dtype: str) -> npt.NDArray[np.generic]:
        decoded, rate_hz = soundfile.read(self.path, dtype=dtype)
        if rate_hz != RATE_HZ:
            raise ValueError(f"{self.path}: {rate_hz} Hz: the corpus is {RATE_HZ} Hz")
        return np.asarray(decoded)


@dataclass(frozen=True, slots=True)
class Utterance(Recording):
    """Speech.

    speaker     a name that is used only here
    gender      `f`, `m` or empty
    transcript  lower case, no punctuation but apostrophes, numbers as words
    """

    speaker: str
    gender: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Noise(Recording):
    """Noise alone, at -26 dBFS RMS."""


def load(folder: Path = DATA) -> tuple[tuple[Utterance, ...], tuple[Noise, ...]]:
    """Read `folder/manifest.tsv`; audio is decoded only when a recording is asked for it."""
    speech: list[Utterance] = []
    noise: list[Noise] = []
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = folder / row["file"]
            if row["kind"] == "noise":
                noise.append(
                    Noise(
                        name=path.stem,
                        path=path,
                        condition=row["condition"],
                        duration_s=float(row["duration_s"]),
                        licence=row["licence"],
                        sha256=row["sha256"],
                    )
                )
                continue
            speech.append(
                Utterance(
                    name=path.stem,
                    path=path,
                    condition=row["condition"],
                    duration_s=float(row["duration_s"]),
                    licence=row["licence"],
                    sha256=row["sha256"],
                    speaker=row["speaker"],
                    gender=row["gender"],
                    transcript=row["transcript"],
                )
            )
    return tuple(speech), tuple(noise)


@cache
def _committed() -> tuple[tuple[Utterance, ...], tuple[Noise, ...]]:
    return load()


def utterances() -> list[Utterance]:
    """Return every utterance of the committed corpus, in the manifest's order."""
    return list(_committed()[0])


def noises() -> list[Noise]:
    """Return every noise of the committed corpus, in the manifest's order."""
    return list(_committed()[1])


def utterance(name: str) -> Utterance:
    """Return the utterance called `name`; KeyError names those that exist."""
    found = {entry.name: entry for entry in _committed()[0]}
    if name not in found:
        raise KeyError(f"no utterance {name!r}; there are {', '.join(sorted(found))}")
    return found[name]


def noise(name: str) -> Noise:
    """Return the noise called `name`; KeyError names those that exist."""
    found = {entry.name: entry for entry in _committed()[1]}
    if name not in found:
        raise KeyError(f"no noise {name!r}; there are {', '.join(sorted(found))}")
    return found[name]
