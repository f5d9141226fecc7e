"""A mix of speech and noise, and how a setting that it is run through is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from heard.compare.grid import Setting
from heard.denoise.pcm import Pcm

from ...support.corpus import Noise, Utterance
from ...support.mixing import mix

RATE_HZ = 16_000
LEAD_IN_S = 4.0
"""Of noise before the speech: a daemon has listened for long, and the slowest backend settles in 4 s."""
TAIL_S = 0.5
"""Of noise after it, so that the obvious loop, which drops its last partial block, drops no word."""
LISTEN_S = 1.0
"""The recognizer hears this much of the noise before the speech."""
FULL_SCALE = 32768

STUDIO = ("vctk-", "lj-", "arctic-")
"""Recordings that are clean enough to be the reference of SI-SDR, STOI and PESQ (the corpus' README)."""

LOOP = "loop"
"""The obvious loop (`tests.bench.simple_loop`), in the place of a backend's name."""


def shown(setting: Setting) -> str:
    """Return a setting's name as tables show it."""
    return LOOP if setting.backend == LOOP else setting.name


@dataclass(frozen=True, slots=True)
class Mix:
    """One piece of audio to be recognized.

    part    `development` or `confirmation`
    noise   name of the recording; empty where there is none
    snr_db  of the active speech; None where there is no noise
    seed    chooses where the noise recording is entered
    """

    part: str
    utterance: str
    noise: str
    snr_db: int | None
    seed: int

    @property
    def name(self) -> str:
        """Unlike that of any other mix."""
        return (
            f"{self.utterance} + {self.noise} {self.snr_db} dB" if self.noise else f"{self.utterance} clean"
        )


@dataclass(frozen=True, slots=True)
class Sound:
    """A mix as samples: `pcm` is what a microphone would give, `clean` the speech in it, full scale 1.0.

    Both of shape (samples,); `speech` is where the speech lies, `listen` what the recognizer hears.
    """

    pcm: Pcm
    clean: npt.NDArray[np.float64]
    speech: slice
    listen: slice


def sound_of(wanted: Mix, corpus: dict[str, Utterance | Noise]) -> Sound:
    """Make a mix; `corpus` has the recordings by name. Equal mixes are equal to the sample."""
    speech = corpus[wanted.utterance].samples()
    lead_in, tail = round(LEAD_IN_S * RATE_HZ), round(TAIL_S * RATE_HZ)
    if wanted.snr_db is None:
        noisy = clean = np.pad(speech, (lead_in, tail))
    else:
        mixture = mix(
            speech,
            corpus[wanted.noise].samples(),
            snr_db=wanted.snr_db,
            seed=wanted.seed,
            lead_in_s=LEAD_IN_S,
            tail_s=TAIL_S,
        )
        noisy, clean = mixture.noisy, mixture.clean
    pcm = np.clip(np.rint(noisy * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return Sound(
        pcm,
        clean,
        slice(lead_in, lead_in + len(speech)),
        slice(lead_in - round(LISTEN_S * RATE_HZ), len(pcm)),
    )


def by_name(speech: tuple[Utterance, ...], noises: tuple[Noise, ...]) -> dict[str, Utterance | Noise]:
    """Return all recordings of a corpus by their names.

    Raises:
        ValueError: if two have the same.
    """
    found: dict[str, Utterance | Noise] = {}
    recordings: tuple[Utterance | Noise, ...] = (*speech, *noises)
    for each in recordings:
        if each.name in found:
            raise ValueError(f"{each.path}: another recording is called {each.name!r} too; names must differ")
        found[each.name] = each
    return found


def is_studio(utterance: str) -> bool:
    """Say whether an utterance can be a clean reference."""
    return Path(utterance).name.startswith(STUDIO)
