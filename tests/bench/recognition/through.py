"""A recording through the denoise stage's own stream, or through the obvious loop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heard.denoise.backend import Backend, Denoiser, Samples
from heard.denoise.registry import Registry
from heard.denoise.stream import Counts, Stream

from ..simple_loop import BLOCK_S, simple_loop
from .mixes import LOOP, RATE_HZ, Pcm, Setting

BLOCK = RATE_HZ // 50
LOOP_DELAY_MS = 1000 * BLOCK_S


class BackendFailedError(Exception):
    """A backend threw, so that the stream went on without it; the text says what."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """What came out, as long as what went in, and the CPU time that the setting's first run took, in s."""

    pcm: Pcm
    compute_s: float


def denoised(pcm: Pcm, settings: Sequence[Setting], registry: Registry) -> dict[Setting, Denoised]:
    """Run a recording through each setting, in blocks of 20 ms, 16-bit samples in and out.

    A backend computes once for all of its mixes: each has a stream of its own, which blends.

    Raises:
        BackendFailedError: one threw.
        BackendError: one cannot be had.
    """
    results: dict[Setting, Denoised] = {}
    once: dict[str, Once] = {}
    for setting in settings:
        if setting.backend == LOOP:
            results[setting] = _looped(pcm)
            continue
        backend = once.setdefault(setting.backend, Once(registry.get(setting.backend)))
        began = time.process_time()
        out = _streamed(pcm, backend, setting)
        spent_s = time.process_time() - began
        first = next((each for each in results if each.backend == setting.backend), None)
        results[setting] = Denoised(out, results[first].compute_s if first else spent_s)
    return results


def _streamed(pcm: Pcm, backend: Backend, setting: Setting) -> Pcm:
    counts = Counts()
    stream = Stream(backend, setting.mix, counts, 0, pcm[:0])
    out = []
    for start in range(0, len(pcm), BLOCK):
        stream.feed(pcm[start : start + BLOCK])
        out.append(stream.take().pcm)
    out.append(stream.finish().pcm)
    if counts.backend_failures:
        raise BackendFailedError(f"{setting.name}: {stream.failure}")
    return np.concatenate(out)


def _looped(pcm: Pcm) -> Denoised:
    began = time.process_time()
    out, _ = simple_loop(pcm, RATE_HZ)
    spent_s = time.process_time() - began
    return Denoised(np.pad(out, (0, len(pcm) - len(out))), spent_s)


class Once:
    """A backend that computes one recording once: later streams are given what the first one was given.

    All must be fed the same samples in the same blocks.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.delay_samples = backend.delay_samples
        self.context_samples = backend.context_samples
        self._given: list[Samples] | None = None

    @property
    def counters(self) -> Mapping[str, int]:
        """The backend's own."""
        return self._backend.counters

    def start(self, position: int, context: Samples) -> Denoiser:
        """Begin the first stream, or one more that is given the same."""
        if self._given is not None:
            return _Again(iter(self._given))
        self._given = []
        return _First(self._backend.start(position, context), self._given)


class _First:
    def __init__(self, denoiser: Denoiser, given: list[Samples]) -> None:
        self._denoiser = denoiser
        self._given = given

    def feed(self, samples: Samples) -> None:
        self._denoiser.feed(samples)

    def take(self) -> Samples:
        self._given.append(self._denoiser.take())
        return self._given[-1]

    def finish(self) -> Samples:
        self._given.append(self._denoiser.finish())
        return self._given[-1]


class _Again:
    def __init__(self, given: Iterator[Samples]) -> None:
        self._given = given

    def feed(self, samples: Samples) -> None:
        pass

    def take(self) -> Samples:
        return next(self._given)

    def finish(self) -> Samples:
        return next(self._given)
