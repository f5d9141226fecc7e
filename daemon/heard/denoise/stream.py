"""Core: one segment of a source from 16-bit samples to 16-bit samples, at any mix, through any change.

Samples are numbered from the segment's start. What comes out is contiguous whatever changes: a change of
backend fades from the old one to the new, a new delay only moves the time at which samples come out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from heard.denoise.adaptive import Adaptive
from heard.denoise.backend import Backend, Denoiser, Samples
from heard.denoise.fade import FADE_SAMPLES, Gradual
from heard.denoise.kept import Kept
from heard.denoise.off import PassThrough
from heard.denoise.pcm import Pcm, to_float, to_pcm

log = logging.getLogger(__name__)

NOTHING: Samples = np.zeros(0, np.float32)
KEPT_SAMPLES = 96000
"""Of past, for the start of another backend: 6 s, as much as a replay's lead-in."""


@dataclass(slots=True)
class Counts:
    """What went wrong with samples, since the run's process began."""

    clipped: int = 0
    """Samples that denoising took past full scale."""
    not_finite: int = 0
    """Samples that a backend made NaN or infinite; the dry ones took their place."""
    backend_failures: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """Samples that are final, beginning with number `start` of the segment, and the dry ones they were."""

    start: int
    pcm: Pcm
    dry: Pcm


@dataclass(slots=True)
class _Voice:
    """A backend at work on the segment; `wet` holds what it gave for the samples from the next output on."""

    denoiser: Denoiser
    mix: Gradual
    wet: Samples = field(default_factory=lambda: NOTHING)
    finished: bool = False


class Stream:
    """One segment of one source.

    `position` numbers the first sample that is to come out; `context` are those just before it.
    """

    def __init__(
        self,
        backend: Backend,
        mix: float,
        counts: Counts,
        position: int,
        context: Pcm,
        *,
        adaptive: bool = False,
    ) -> None:
        self._counts = counts
        past = context[-KEPT_SAMPLES:]
        self._dry = Kept(position - len(past), past)
        self._out = position
        self._fade_stop = 0
        self._incoming: _Voice | None = None
        self._next: tuple[Backend, float] | None = None
        self.failure: str | None = None
        """Why the backend was left for good, None while it works."""
        self._voice = self._started(backend, mix)
        self._adapting = Gradual(float(adaptive))
        self._adaptive = Adaptive(self._dry.start, past) if adaptive else None
        self.mix_now = 0.0 if adaptive else mix
        """The mix at the last sample that came out."""

    def feed(self, pcm: Pcm) -> None:
        """Take in the samples that follow."""
        self._dry.append(pcm)
        if self._adaptive:
            self._adaptive.hear(pcm)
        samples = to_float(pcm)
        for voice in self._voices():
            self._guard(voice, lambda denoiser: _fed(denoiser, samples))

    def take(self) -> Output:
        """Return what is final; `Output.pcm` may be empty."""
        return self._take(final=False)

    def finish(self) -> Output:
        """Return the rest; nothing is fed afterwards."""
        return self._take(final=True)

    def set_mix(self, mix: float) -> None:
        """Blend with `mix` from the next sample on, 0 dry to 1 wet."""
        if self._next:
            self._next = (self._next[0], mix)
        for voice in self._voices():
            voice.mix.aim(mix, self._out)

    def set_adaptive(self, *, adaptive: bool) -> None:
        """Let the mix depend on the noise, or not, from the next sample on."""
        if adaptive and self._adaptive is None:
            kept = self._dry
            self._adaptive = Adaptive(kept.start, kept.between(kept.start, kept.stop))
        self._adapting.aim(float(adaptive), self._out)

    def switch(self, backend: Backend, mix: float) -> None:
        """Fade to another backend from the next sample on (after the fade that goes on, if one does)."""
        self.failure = None
        if self._incoming:
            self._next = (backend, mix)
            return
        self._incoming = self._started(backend, mix)
        self._fade_stop = self._out + FADE_SAMPLES

    def _started(self, backend: Backend, mix: float) -> _Voice:
        """Return a voice that has been fed all from the next output on."""
        voice = _Voice(PassThrough(), Gradual(mix))
        earliest = max(self._dry.start, self._out - backend.context_samples)
        context = to_float(self._dry.between(earliest, self._out))

        def begin(_: Denoiser) -> Samples:
            voice.denoiser = backend.start(self._out, context)
            return _fed(voice.denoiser, self._waiting())

        self._guard(voice, begin)
        return voice

    def _waiting(self) -> Samples:
        """Return what was fed and is not out, dry."""
        return to_float(self._dry.between(self._out, self._dry.stop))

    def _voices(self) -> list[_Voice]:
        return [self._voice, self._incoming] if self._incoming else [self._voice]

    def _guard(self, voice: _Voice, work: Callable[[Denoiser], Samples], *, final: bool = False) -> None:
        """Let a denoiser work and keep what it returns; one that raises is left for `off`.

        `final`: no more comes, so that what it returned must be all.
        """
        try:
            self._accept(voice, work(voice.denoiser), final=final)
        except Exception as error:
            # Whatever a backend does, third parties' among them: its source's audio goes on.
            self._counts.backend_failures += 1
            self.failure = f"{type(error).__name__}: {error}"
            log.exception("a denoise backend failed")
            voice.denoiser, voice.wet = PassThrough(), self._waiting()

    def _accept(self, voice: _Voice, wet: Samples, *, final: bool) -> None:
        first = self._out + len(voice.wet)
        due = self._dry.stop - first
        if wet.ndim != 1 or len(wet) > due or (final and len(wet) < due):
            raise ValueError(f"it gave back samples of shape {wet.shape}, {due} were fed")
        finite = np.isfinite(wet)
        if not finite.all():
            self._counts.not_finite += int(len(wet) - np.count_nonzero(finite))
            wet = np.where(finite, wet, to_float(self._dry.between(first, first + len(wet))))
        voice.wet = np.concatenate((voice.wet, wet))

    def _take(self, *, final: bool) -> Output:
        start = self._out
        pieces: list[Samples] = []
        while True:
            for voice in self._voices():
                if not final:
                    self._guard(voice, lambda denoiser: denoiser.take())
                elif not voice.finished:
                    voice.finished = True
                    self._guard(voice, lambda denoiser: denoiser.finish(), final=True)
            ready = min(len(voice.wet) for voice in self._voices())
            if self._incoming:
                ready = min(ready, self._fade_stop - self._out)
            if ready:
                pieces.append(self._blend(ready))
            if not self._incoming or self._out < self._fade_stop:
                break
            self._voice, self._incoming = self._incoming, None
            if self._next:
                following, self._next = self._next, None
                self.switch(*following)
        dry = self._dry.between(start, self._out).copy()
        self._dry.forget(self._out - KEPT_SAMPLES)
        if not pieces:
            return Output(start, dry, dry)
        pcm, clipped = to_pcm(np.concatenate(pieces))
        self._counts.clipped += clipped
        return Output(start, pcm, dry)

    def _blend(self, samples: int) -> Samples:
        """Return the next `samples` samples of the output, of which all voices have as many."""
        start, stop = self._out, self._out + samples
        dry = to_float(self._dry.between(start, stop))
        share = self._share(start, stop)
        out, mix = self._mixed(self._voice, dry, share)
        if self._incoming:
            place = (np.arange(start, stop) - (self._fade_stop - FADE_SAMPLES) + 1) / FADE_SAMPLES
            risen = ((1 - np.cos(np.pi * place)) / 2).astype(np.float32)
            incoming, mix = self._mixed(self._incoming, dry, share)
            out += risen * (incoming - out)
        self._out = stop
        self.mix_now = mix
        return out

    def _share(self, start: int, stop: int) -> Samples:
        """Return how much of the mix is in force at each of the samples [start, stop)."""
        adapting = self._adapting.over(start, stop)
        if self._adaptive is None:
            return 1 - adapting
        return 1 + adapting * (self._adaptive.over(start, stop) - 1)

    def _mixed(self, voice: _Voice, dry: Samples, share: Samples) -> tuple[Samples, float]:
        """Return the next samples of a voice, and the mix at the last of them."""
        samples = len(dry)
        wet, voice.wet = voice.wet[:samples], voice.wet[samples:]
        mix = share * voice.mix.over(self._out, self._out + samples)
        # In this form a mix of 0, and wet equal to dry, give the very samples that came in.
        mixed: Samples = dry + mix * (wet - dry)
        return mixed, float(mix[-1])


def _fed(denoiser: Denoiser, samples: Samples) -> Samples:
    denoiser.feed(samples)
    return NOTHING
