"""A recording through the denoise stage's own stream, under any number of settings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from heard.compare.grid import Setting
from heard.denoise.backend import Backend, Denoiser, Samples
from heard.denoise.pcm import Pcm
from heard.denoise.registry import Registry
from heard.denoise.stream import Counts, Stream
from heard.settings import WORKING_RATE_HZ

BLOCK = WORKING_RATE_HZ // 50
"""20 ms, as capture hands them over."""


class BackendFailedError(Exception):
    """A backend threw, so that its stream went on without it; the text says under which setting, and what."""


@dataclass(frozen=True, slots=True)
class Denoised:
    """What came out, sample by sample what went in, and the CPU time that its backend's first run took."""

    pcm: Pcm
    compute_s: float


class Through:
    """One recording; a backend computes it once, however many of its mixes are asked for."""

    def __init__(self, pcm: Pcm, registry: Registry) -> None:
        self._pcm = pcm
        self._registry = registry
        self._once: dict[str, Once] = {}
        self._spent_s: dict[str, float] = {}

    def denoised(self, setting: Setting) -> Denoised:
        """Return what the stage would make of the recording, from a cold start.

        Raises:
            BackendFailedError: the backend threw.
            BackendError: it cannot be had.
        """
        name = setting.backend
        backend = self._once.setdefault(name, Once(self._registry.get(name)))
        began = time.process_time()
        pcm = self._streamed(backend, setting)
        spent_s = self._spent_s.setdefault(name, time.process_time() - began)
        return Denoised(pcm, spent_s)

    def _streamed(self, backend: Backend, setting: Setting) -> Pcm:
        counts = Counts()
        stream = Stream(backend, setting.mix, counts, 0, self._pcm[:0], adaptive=setting.adaptive)
        out = []
        for start in range(0, len(self._pcm), BLOCK):
            stream.feed(self._pcm[start : start + BLOCK])
            out.append(stream.take().pcm)
        out.append(stream.finish().pcm)
        if counts.backend_failures:
            raise BackendFailedError(f"{setting.name}: {stream.failure or 'it failed'}")
        return np.concatenate(out)


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
