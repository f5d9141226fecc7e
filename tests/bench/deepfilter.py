"""What the backend `deepfilter` costs, how it restarts, and what it does to sound and words.

    nice python -m tests.bench.deepfilter [--words]

Every utterance of tests/data with one noise at 0, 5, 10 or 20 dB, by turns; seed: the utterance's number.
Sixteen mixes are an anecdote, not evidence. `--words` has the embedded recognizer (tiny) count them too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from heard.denoise.backend import Samples
from heard.denoise.deepfilter import Deepfilter
from heard.denoise.pcm import Pcm, to_float
from heard.denoise.registry import Registry, default_mix
from heard.denoise.stream import Counts, Stream

from ..support.corpus import RATE_HZ, Utterance, noises, utterances
from ..support.mixing import active, mix
from ..support.wer import word_errors

SNRS_DB = (0, 5, 10, 20)
LEAD_IN_S = 1.0
BLOCK = RATE_HZ // 50
SETTINGS = (
    ("off", 0.0),
    ("noisereduce", default_mix("noisereduce")),
    ("deepfilter", 0.5),
    ("deepfilter", 1.0),
)
CONTEXTS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0)
RESTART_S = 8.0
COMPARED_S = 4.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Mix:
    """16-bit samples, shape (samples,), the speech in them as float, and where it is active."""

    utterance: Utterance
    snr_db: int
    pcm: Pcm
    clean: npt.NDArray[np.float64]
    talking: npt.NDArray[np.bool_]


def mixes() -> Iterator[Mix]:
    """Yield a mix for each utterance."""
    for number, utterance in enumerate(utterances()):
        noise, snr_db = noises()[number % len(noises())], SNRS_DB[number % len(SNRS_DB)]
        made = mix(utterance.samples(), noise.samples(), snr_db=snr_db, seed=number, lead_in_s=LEAD_IN_S)
        talking = np.pad(active(utterance.samples()), (made.lead_in, 0))
        yield Mix(utterance, snr_db, np.rint(made.noisy * 32767).astype(np.int16), made.clean, talking)


def run(backend: str, share: float, pcm: Pcm, registry: Registry) -> tuple[Pcm, list[float]]:
    """Return what the stage makes of `pcm`, in blocks of 20 ms, and the CPU time of each, in s."""
    stream = Stream(registry.get(backend), share, Counts(), 0, pcm[:0])
    out, spent_s = [], []
    for start in range(0, len(pcm), BLOCK):
        began = time.process_time()
        stream.feed(pcm[start : start + BLOCK])
        out.append(stream.take().pcm)
        spent_s.append(time.process_time() - began)
    out.append(stream.finish().pcm)
    return np.concatenate(out), spent_s


def si_sdr_db(clean: npt.NDArray[np.float64], heard: Samples) -> float:
    """Return the scale-invariant signal-to-distortion ratio (Le Roux and others, 2019)."""
    wanted = (heard @ clean) / (clean @ clean) * clean
    left = heard - wanted
    return float(10 * np.log10((wanted @ wanted) / (left @ left)))


def memory_bytes() -> int:
    """Return this process's resident memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads_of_ours() -> int:
    """Return how many threads this process has."""
    return len(list(Path("/proc/self/task").iterdir()))


def cost() -> list[tuple[str, str]]:
    """Return what a stream costs, as rows of a table."""
    nothing = np.zeros(0, np.float32)
    before, threads = memory_bytes(), threads_of_ours()
    backend = Deepfilter()
    loaded_s, held, kept = [], [memory_bytes()], []
    for _ in range(6):
        began = time.process_time()
        kept.append(backend.start(0, nothing))
        loaded_s.append(time.process_time() - began)
        kept[-1].feed(np.random.default_rng(1).uniform(-0.1, 0.1, RATE_HZ).astype(np.float32))
        kept[-1].take()
        held.append(memory_bytes())
    pcm = np.concatenate([each.pcm for each in mixes()])
    registry = Registry()
    _, spent_s = run("deepfilter", 1.0, pcm, registry)
    seconds = len(pcm) / RATE_HZ
    return [
        ("real-time factor, one core, one source", f"{sum(spent_s) / seconds:.3f}"),
        ("a sample waits, without computing (ms)", f"{1000 * backend.delay_samples / RATE_HZ:.0f}"),
        ("computing for 20 ms of sound, median (ms)", f"{1000 * np.median(spent_s):.1f}"),
        ("  99th percentile (ms)", f"{1000 * np.percentile(spent_s, 99):.1f}"),
        ("a stream's start (s)", f"{np.median(loaded_s):.2f}"),
        ("memory of the first stream (MiB)", f"{(held[1] - before) / MIB:.0f}"),
        ("  of each further one (MiB)", f"{np.mean(np.diff(held[1:])) / MIB:.0f}"),
        ("threads that it started", f"{threads_of_ours() - threads}"),
    ]


def restarts() -> dict[float, list[tuple[float, float]]]:
    """Return, by seconds of context, how well a later start agrees with the unbroken stream, in dB.

    SNR of the difference over 4 s behind the restart at full strength and at the default mix, one pair for
    each sound that is long enough, made of two mixes with the same SNR.
    """
    share = default_mix("deepfilter")
    found: dict[float, list[tuple[float, float]]] = {seconds: [] for seconds in CONTEXTS_S}
    backend = Deepfilter()
    all_mixes = list(mixes())
    at = round(RESTART_S * RATE_HZ) + 77
    stop = at + round(COMPARED_S * RATE_HZ)
    for first, second in zip(all_mixes, all_mixes[4:] + all_mixes[:4], strict=True):
        dry = to_float(np.concatenate((first.pcm, second.pcm, second.pcm)))[: stop + backend.delay_samples]
        if len(dry) < stop:
            continue
        unbroken = backend.start(0, dry[:0])
        unbroken.feed(dry)
        whole = unbroken.finish()[at:stop]
        for seconds, results in found.items():
            later = backend.start(at, dry[at - round(seconds * RATE_HZ) : at])
            later.feed(dry[at:])
            difference = later.finish()[: len(whole)] - whole
            blended = (1 - share) * dry[at:stop] + share * whole
            results.append((_ratio_db(whole, difference), _ratio_db(blended, share * difference)))
    return found


def _ratio_db(signal: Samples, difference: Samples) -> float:
    return float(10 * np.log10((signal @ signal) / max(1e-12, float(difference @ difference))))


def sound() -> dict[tuple[str, float], tuple[float, float, float]]:
    """Return per setting, in dB: SI-SDR, fall of the noise before the speech, gain of the speech; means."""
    registry = Registry()
    figures = {}
    for backend, share in SETTINGS:
        rows = []
        for each in mixes():
            dry, wet = to_float(each.pcm), to_float(run(backend, share, each.pcm, registry)[0])
            # What is before has not settled.
            quiet = slice(RATE_HZ // 2, round((LEAD_IN_S - 0.05) * RATE_HZ))
            gain = (wet @ each.clean) / (dry @ each.clean)
            rows.append(
                (
                    si_sdr_db(each.clean, wet),
                    _ratio_db(dry[quiet], wet[quiet]),
                    20 * np.log10(max(1e-6, float(gain))),
                )
            )
        mean = np.mean(rows, axis=0)
        figures[backend, share] = (float(mean[0]), float(mean[1]), float(mean[2]))
    return figures


def words() -> dict[tuple[str, float], dict[int, tuple[int, int]]]:
    """Return per setting and SNR the word errors and the words, by the embedded recognizer."""
    from heard.recognizer.moonshine import TINY, load  # noqa: PLC0415  # an extra, and slow to import

    engine, registry = load(TINY), Registry()
    figures: dict[tuple[str, float], dict[int, tuple[int, int]]] = {}
    for setting in SETTINGS:
        totals = figures.setdefault(setting, dict.fromkeys(SNRS_DB, (0, 0)))
        for each in mixes():
            samples = to_float(run(*setting, each.pcm, registry)[0])
            said = " ".join(word.text for word in engine.recognize(samples).words)
            errors, count = word_errors(each.utterance.transcript, said)
            before = totals[each.snr_db]
            # A recognizer that runs away repeats itself without end: it is as wrong as silence.
            totals[each.snr_db] = (before[0] + min(errors, count), before[1] + count)
    return figures


def main() -> int:
    """Print the tables; return 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deepfilter", description=__doc__)
    parser.add_argument("--words", action="store_true", help="count words too")
    asked = parser.parse_args()
    console = Console(width=100)
    table = Table("cost", "deepfilter")
    for row in cost():
        table.add_row(*row)
    console.print(table)
    agreement = restarts()
    table = Table("restart with context of", "full strength, min / median (dB)", "default mix (dB)")
    table.caption = f"{len(agreement[0.0])} restarts each"
    for seconds, pairs in agreement.items():
        full, blended = zip(*pairs, strict=True)
        table.add_row(
            f"{seconds:g} s", *(f"{np.min(each):.1f} / {np.median(each):.1f}" for each in (full, blended))
        )
    console.print(table)
    table = Table("backend, mix", "SI-SDR (dB)", "noise lowered by (dB)", "gain of the speech (dB)")
    for (backend, share), figures in sound().items():
        table.add_row(f"{backend} {share:g}", *(f"{figure:.1f}" for figure in figures))
    console.print(table)
    if asked.words:
        table = Table("word errors of words", *(f"{snr_db} dB" for snr_db in SNRS_DB), "all")
        for (backend, share), counts in words().items():
            total = tuple(np.sum(list(counts.values()), axis=0))
            cells = [f"{errors} of {count}" for errors, count in [*counts.values(), total]]
            table.add_row(f"{backend} {share:g}", *cells)
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
