"""How the streaming gate follows the library on the whole recording, what it costs, and what it remembers.

    python -m tests.bench.gate [--corpus DIR] [--pairs N]

Beside both forms of the gate the backend `noisereduce` on the same mixes, which are those of
`tests.bench.denoise` (`--pairs N`: every Nth of all). The cost is CPU time of one thread, each block of 20 ms
fed and taken; `in all` includes the way from 16-bit samples to 16-bit samples at the default mix, which is
`heard.denoise.stream`'s.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from heard.denoise.allocator import keep_freed_memory
from heard.denoise.backend import Backend, Denoiser, Samples
from heard.denoise.gate import Gate, GateFast
from heard.denoise.noisereduce import N_FFT, Noisereduce
from heard.denoise.pcm import Pcm, to_float
from heard.denoise.registry import default_mix
from heard.denoise.stream import Counts, Stream

from ..daemon.denoise.gate_reference import agreement_db, library
from ..support.corpus import DATA, RATE_HZ
from .denoise import mixes

BLOCK = RATE_HZ // 50
COST_S = 10
STREAMS = (1, 16, 64)


@dataclass(frozen=True, slots=True)
class Kind:
    """A backend by its name, what makes it, its frames' size, and the agreement it is to reach, in dB."""

    name: str
    make: Callable[[], Backend]
    n_fft: int
    full_db: float
    mixed_db: float = 30


KINDS = (
    Kind("gate", Gate, 1024, 15),
    Kind("gate-fast", GateFast, 512, 12),
    Kind("noisereduce", Noisereduce, N_FFT, 15),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """How well a kind followed on a mix, in dB."""

    kind: Kind
    mix: str
    full_db: float
    mixed_db: float


def followed(kind: Kind, pcm: Pcm) -> tuple[float, float]:
    """Return the agreement with the library in dB, from 4 s on: at full strength, and at the default mix."""
    dry = to_float(pcm)
    reference = library(dry, kind.n_fft)
    stream = kind.make().start(0, dry[:0])
    out = []
    for start in range(0, len(dry), BLOCK):
        stream.feed(dry[start : start + BLOCK])
        out.append(stream.take())
    streamed = np.concatenate([*out, stream.finish()])
    return (
        agreement_db(dry, streamed, reference, 1.0),
        agreement_db(dry, streamed, reference, default_mix(kind.name)),
    )


def compared(corpus: Path = DATA, pairs: int = 0) -> list[Compared]:
    """Return the agreement of every kind on every mix."""
    return [
        Compared(kind, name, *followed(kind, pcm)) for name, pcm in mixes(corpus, pairs) for kind in KINDS
    ]


def agreement(results: list[Compared]) -> dict[str, float]:
    """Return worst, 5th percentile and median agreement and the share of mixes that reach their target."""
    figures: dict[str, float] = {"mixes": len({each.mix for each in results})}
    for kind in KINDS:
        own = [each for each in results if each.kind == kind]
        for strength, values, least in (
            ("full", [each.full_db for each in own], kind.full_db),
            ("mixed", [each.mixed_db for each in own], kind.mixed_db),
        ):
            key = f"{kind.name}_{strength}"
            figures[f"{key}_min_db"] = float(np.min(values))
            figures[f"{key}_p5_db"] = float(np.percentile(values, 5))
            figures[f"{key}_median_db"] = float(np.median(values))
            figures[f"{key}_reaching"] = float(np.mean([value >= least for value in values]))
    return figures


def _noise(seed: int) -> Pcm:
    """Return COST_S of hiss that comes and goes."""
    random = np.random.default_rng(seed)
    swell = 0.05 + 0.04 * np.sin(np.arange(COST_S * RATE_HZ) / 7000)
    return np.rint(32768 * swell * random.standard_normal(len(swell)) / 4).astype(np.int16)


def backend_rtf(backend: Backend, streams: int) -> float:
    """Return seconds of CPU time for a second of one of so many streams, the backend alone."""
    samples: list[Samples] = [to_float(_noise(seed)) for seed in range(streams)]
    denoisers: list[Denoiser] = [backend.start(0, each[:0]) for each in samples]
    began = time.process_time()
    for start in range(0, COST_S * RATE_HZ, BLOCK):
        for denoiser, each in zip(denoisers, samples, strict=True):
            denoiser.feed(each[start : start + BLOCK])
        for denoiser in denoisers:
            denoiser.take()
    return (time.process_time() - began) / (COST_S * streams)


def stream_rtf(backend: Backend, mix: float, streams: int) -> float:
    """Return the same, 16-bit samples in and out, at the given mix."""
    samples = [_noise(seed) for seed in range(streams)]
    going = [Stream(backend, mix, Counts(), 0, each[:0]) for each in samples]
    began = time.process_time()
    for start in range(0, COST_S * RATE_HZ, BLOCK):
        for stream, each in zip(going, samples, strict=True):
            stream.feed(each[start : start + BLOCK])
        for stream in going:
            stream.take()
    return (time.process_time() - began) / (COST_S * streams)


def memory_kib(gate: Gate) -> float:
    """Return what a stream's state takes in the gate's arrays."""
    return gate.bank.row_bytes / 1024


def cost() -> dict[str, float]:
    """Return for both forms and for so many streams the real-time factor of each, and the memory."""
    keep_freed_memory()  # as the stage does
    figures: dict[str, float] = {}
    for name, make in (("gate", Gate), ("gate-fast", GateFast)):
        for streams in STREAMS:
            figures[f"{name}_{streams}_rtf"] = backend_rtf(make(), streams)
            figures[f"{name}_{streams}_stream_rtf"] = stream_rtf(make(), default_mix(name), streams)
        figures[f"{name}_delay_ms"] = 1000 * make().delay_samples / RATE_HZ
        figures[f"{name}_kib"] = memory_kib(make())
    return figures


def main() -> int:
    """Print the tables; return 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.gate", description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=DATA, help="folder with a manifest.tsv")
    parser.add_argument("--pairs", type=int, default=0, metavar="N", help="every Nth of all pairs")
    asked = parser.parse_args()
    console = Console(width=110)
    results = compared(asked.corpus, asked.pairs)
    for each in results:
        if each.full_db < each.kind.full_db or each.mixed_db < each.kind.mixed_db:
            below = f"{each.full_db:.1f} dB, {each.mixed_db:.1f} dB mixed"
            console.print(f"below target: {each.kind.name}: {each.mix}: {below}")
    figures = agreement(results)
    table = Table(
        title=f"agreement, {figures['mixes']:.0f} mixes, min / 5th / median (dB)", title_justify="left"
    )
    for column in ("backend", "full strength", "reach", "default mix", "reach"):
        table.add_column(column, justify="left" if column == "backend" else "right")
    for kind in KINDS:
        cells = [kind.name]
        for strength, least in (("full", kind.full_db), ("mixed", kind.mixed_db)):
            key = f"{kind.name}_{strength}"
            found = (figures[f"{key}_{what}_db"] for what in ("min", "p5", "median"))
            cells += [
                " / ".join(f"{each:.1f}" for each in found),
                f"{least:.0f} dB: {figures[f'{key}_reaching']:.1%}",
            ]
        table.add_row(*cells)
    console.print(table)
    costs = cost()
    table = Table(title="cost", title_justify="left")
    for column in ("backend", "streams", "real-time factor each", "per core", "in all", "per core"):
        table.add_column(column, justify="left" if column == "backend" else "right")
    for name in ("gate", "gate-fast"):
        for streams in STREAMS:
            alone, whole = costs[f"{name}_{streams}_rtf"], costs[f"{name}_{streams}_stream_rtf"]
            table.add_row(
                name, str(streams), f"{alone:.4f}", f"{1 / alone:.0f}", f"{whole:.4f}", f"{1 / whole:.0f}"
            )
        table.add_row(name, f"{costs[f'{name}_delay_ms']:.0f} ms", f"{costs[f'{name}_kib']:.0f} KiB a stream")
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
