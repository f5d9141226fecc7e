"""What the estimated ratio of speech to noise reads, and how much of the mix is in force while it adapts.

    python -m tests.bench.snr

Every utterance of `tests/data`, said twice, in every noise at 0, 5, 10 and 20 dB, and clean; from 4 s on.
Percentiles are over all tenths of a second.
"""

import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from heard.denoise.adaptive import STEP, Adaptive
from heard.denoise.snr import FRAME, estimate_db, powers_of

from ..support.corpus import RATE_HZ, Recording, noises, utterances
from ..support.mixing import mix

FROM = 4 * RATE_HZ
RATIOS_DB = (0, 5, 10, 20)

Samples = npt.NDArray[np.float64]


def _spoken(noise: Recording | None, snr_db: float) -> Iterator[Samples]:
    for number, utterance in enumerate(utterances()):
        speech = np.tile(utterance.samples(), 2)
        if noise is None:
            yield np.concatenate((np.zeros(RATE_HZ), speech))
        else:
            yield mix(speech, noise.samples(), snr_db=snr_db, seed=number).noisy


def _row(noise: Recording | None, snr_db: float) -> list[str]:
    readings: list[float] = []
    shares: list[float] = []
    for samples in _spoken(noise, snr_db):
        pcm = np.asarray(np.rint(32768 * samples), np.int16)
        powers = powers_of(pcm / 32768)
        ends = range(FROM // FRAME, len(powers), STEP // FRAME)
        readings += [each for end in ends if (each := estimate_db(powers[:end])) is not None]
        adaptive = Adaptive(0, pcm)
        shares.append(float(adaptive.over(FROM, len(pcm)).mean()))
    name = f"{noise.name}, {snr_db:g} dB" if noise else "clean"
    percentiles = [f"{each:.1f} dB" for each in np.percentile(readings, (5, 50, 95))]
    return [name, *percentiles, f"{100 * np.mean(shares):.0f} %"]


def main() -> int:
    """Print the table; return 0."""
    table = Table("mix", "5 %", "median", "95 %", "of the mix in force")
    for noise in noises():
        for snr_db in RATIOS_DB:
            table.add_row(*_row(noise, snr_db))
    table.add_row(*_row(None, 0.0))
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
