"""How the denoise stage follows the whole recording, what it costs and how long it holds a sample.

    python -m tests.bench.denoise [--corpus DIR] [--pairs N] [--bound N]

Beside it the obvious loop on the same input. Mixes are of active-speech SNR 0, 5, 10 and 20 dB with 1 s of
noise before the speech; what is compared begins at 4 s. `--pairs N`: every Nth of all pairs
of utterance and noise at each SNR, which takes some 12 % of the audio's own length; otherwise one pair for
each utterance. `--bound N`: then, for the N worst mixes, how near any stream with this delay could
come (`tests.bench.bound`); some 10 to 20 s a mix.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from heard.denoise.backend import Samples
from heard.denoise.noisereduce import Noisereduce, whole
from heard.denoise.pcm import to_float
from heard.denoise.registry import default_mix
from heard.denoise.stream import Counts, Stream

from ..support.corpus import DATA, RATE_HZ, Noise, Utterance, load
from ..support.mixing import mix
from .bound import bound, difference_db, in_steps
from .bound import table as bound_table
from .simple_loop import BLOCK_S, Pcm, simple_loop

SNRS_DB = (0, 5, 10, 20)
FROM_S = 4.0
LEAD_IN_S = 1.0
LEAST_S = 5.0
"""Mixes shorter than this have too little behind FROM_S to compare."""
BLOCK = RATE_HZ // 50
LIBRARY_PADDING = 30000


@dataclass(frozen=True, slots=True)
class Result:
    """One mix. dB: SNR of the difference to the library on the whole recording, from FROM_S on.

    full, mixed                 at full strength and at the default mix, against the whole without padding
    full_padded, mixed_padded   the same, against the whole padded as the library does by default
    loop_full, loop_mixed       the obvious loop, against the whole padded as it pads itself
    rtf, loop_rtf               seconds of one core per second of audio
    """

    name: str
    full: float
    mixed: float
    full_padded: float
    mixed_padded: float
    loop_full: float
    loop_mixed: float
    rtf: float
    loop_rtf: float


def mixes(corpus: Path, pairs: int) -> Iterator[tuple[str, Pcm]]:
    """Yield name and samples of the mixes that are compared; `pairs` 0: one for each utterance."""
    speech, noises = load(corpus)
    long = [each for each in speech if each.duration_s + LEAD_IN_S >= LEAST_S]
    wanted: list[tuple[Utterance, Noise, int]] = list(product(long, noises, SNRS_DB))
    if not pairs:
        wanted = [
            (each, noises[number % len(noises)], SNRS_DB[number % len(SNRS_DB)])
            for number, each in enumerate(long)
        ]
    for number, (utterance, noise, snr_db) in list(enumerate(wanted, start=1))[:: max(1, pairs)]:
        mixture = mix(utterance.samples(), noise.samples(), snr_db=snr_db, seed=number, lead_in_s=LEAD_IN_S)
        pcm = np.clip(np.rint(mixture.noisy * 32768), -32768, 32767).astype(np.int16)
        yield f"{utterance.name} + {noise.name}, {snr_db} dB", pcm


def compare(name: str, pcm: Pcm) -> Result:
    """Run one mix through both and compare."""
    began = time.process_time()
    streamed = stream(pcm)
    compute_s = time.process_time() - began
    looped, loop_compute_s = simple_loop(pcm, RATE_HZ)
    dry = to_float(pcm)
    reference, padded = whole(in_steps(dry), padding=0)[: len(dry)], whole(dry, padding=LIBRARY_PADDING)
    share = default_mix("noisereduce")
    duration_s = len(pcm) / RATE_HZ
    return Result(
        name,
        agreement_db(dry, streamed, reference, 1.0),
        agreement_db(dry, streamed, reference, share),
        agreement_db(dry, streamed, padded, 1.0),
        agreement_db(dry, streamed, padded, share),
        agreement_db(dry[: len(looped)], to_float(looped), padded[: len(looped)], 1.0),
        agreement_db(dry[: len(looped)], to_float(looped), padded[: len(looped)], share),
        compute_s / duration_s,
        sum(loop_compute_s) / duration_s,
    )


def stream(pcm: Pcm) -> Samples:
    """Return what the stage makes of a recording at full strength, fed in blocks."""
    streaming = Stream(Noisereduce(), 1.0, Counts(), 0, pcm[:0])
    out = []
    for start in range(0, len(pcm), BLOCK):
        streaming.feed(pcm[start : start + BLOCK])
        out.append(streaming.take().pcm)
    out.append(streaming.finish().pcm)
    return to_float(np.concatenate(out))


def agreement_db(dry: Samples, streamed: Samples, reference: Samples, share: float) -> float:
    """Return the SNR of the difference from FROM_S on, `share` of either blended with the dry signal."""
    behind = slice(round(FROM_S * RATE_HZ), None)
    kept = dry * (1 - share)
    return difference_db((kept + reference * share)[behind], (kept + streamed * share)[behind])


def measure(corpus: Path = DATA, pairs: int = 0) -> dict[str, float]:
    """Return the figures: worst and median agreement, share of mixes that reach the targets, cost, delay."""
    return summary([compare(name, pcm) for name, pcm in mixes(corpus, pairs)])


def summary(results: list[Result]) -> dict[str, float]:
    """Return the figures of all mixes together."""
    figures: dict[str, float] = {"mixes": len(results)}
    for kind in ("full", "mixed", "full_padded", "mixed_padded", "loop_full", "loop_mixed"):
        values = [getattr(result, kind) for result in results]
        figures[f"{kind}_min_db"] = float(np.min(values))
        figures[f"{kind}_median_db"] = float(np.median(values))
    figures["full_reaching_15_db"] = float(np.mean([result.full >= 15 for result in results]))
    figures["mixed_reaching_30_db"] = float(np.mean([result.mixed >= 30 for result in results]))
    figures["rtf"] = float(np.median([result.rtf for result in results]))
    figures["loop_rtf"] = float(np.median([result.loop_rtf for result in results]))
    figures["delay_ms"] = 1000 * Noisereduce.delay_samples / RATE_HZ
    figures["loop_delay_ms"] = 1000 * BLOCK_S * (1 + figures["loop_rtf"])
    return figures


def main() -> int:
    """Print the table; return 0 whatever the figures are."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.denoise", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--corpus", type=Path, default=DATA, help="folder with a manifest.tsv")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="every Nth of all pairs")
    parser.add_argument("--bound", type=int, default=0, metavar="N", help="look at the N worst mixes")
    asked = parser.parse_args()
    console = Console(width=110)
    results: list[Result] = []
    worst: list[tuple[float, str, Pcm]] = []
    for name, pcm in mixes(asked.corpus, asked.pairs):
        results.append(compare(name, pcm))
        worst = sorted([*worst, (results[-1].full, name, pcm)], key=lambda each: each[0])[: asked.bound]
        if results[-1].full < 15 or results[-1].mixed < 30:
            console.print(
                f"below target: {name}: {results[-1].full:.1f} dB, {results[-1].mixed:.1f} dB mixed"
            )
    figures = summary(results)
    table = Table(title=f"{figures['mixes']:.0f} mixes", title_justify="left")
    for column in ("what", "heard", "obvious loop"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for title, kind in (("full strength", "full"), ("default mix", "mixed")):
        table.add_row(
            f"agreement, {title}, min / median (dB)",
            f"{figures[f'{kind}_min_db']:.1f} / {figures[f'{kind}_median_db']:.1f}",
            f"{figures[f'loop_{kind}_min_db']:.1f} / {figures[f'loop_{kind}_median_db']:.1f}",
        )
        padded = f"{figures[f'{kind}_padded_min_db']:.1f} / {figures[f'{kind}_padded_median_db']:.1f}"
        table.add_row("  with the library's own padding", padded, "")
    table.add_row("mixes ≥ 15 dB at full strength", f"{figures['full_reaching_15_db']:.1%}", "")
    table.add_row("mixes ≥ 30 dB at the default mix", f"{figures['mixed_reaching_30_db']:.1%}", "")
    table.add_row("real-time factor, one core", f"{figures['rtf']:.3f}", f"{figures['loop_rtf']:.3f}")
    table.add_row(
        "a sample waits at most (ms)", f"{figures['delay_ms']:.0f}", f"{figures['loop_delay_ms']:.0f}"
    )
    console.print(table)
    if worst:
        bounds = [bound(name, to_float(pcm), stream(pcm), from_s=FROM_S) for _, name, pcm in worst]
        console.print(bound_table(bounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
