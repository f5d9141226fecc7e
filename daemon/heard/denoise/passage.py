"""Core: one source's way through the stage: its passes, segments, lead-in and holes, block by block."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from heard.denoise.levels import Meter
from heard.denoise.pcm import Pcm
from heard.denoise.registry import BackendError, Registry, default_mix
from heard.denoise.stream import Counts, Output, Stream
from heard.denoise.trace import Trace
from heard.settings import WORKING_RATE_HZ, Denoise
from heard.wire.audio import Block, End

log = logging.getLogger(__name__)

OFF = "off"


@dataclass(frozen=True, slots=True)
class Passed:
    """A block to pass on, and when each of the blocks that it is made of was handed to us."""

    block: Block
    handed: tuple[float, ...]


class Passage:
    """Raw blocks of one source in, denoised ones out.

    Output begins at `Block.wanted`; what comes before it only gives the denoiser its context. A new
    segment, a new pass and a hole begin a new stream, whose hops lie on the segment's grid as before: so
    a sample comes out the same whichever pass it belongs to.
    """

    def __init__(self, name: str, registry: Registry, configured: Denoise) -> None:
        self.name = name
        self.meter = Meter()
        self.counts = Counts()
        self._registry = registry
        self._stream: Stream | None = None
        self._trace = Trace()
        self._lead: list[Pcm] = []
        self._latest: Block | None = None
        self._expected: int | None = None
        self._origin = 0
        self._follows = 0
        self._passed: list[Passed] = []
        self._explicit_mix = configured.mix
        self.backend = configured.backend
        """Name of the backend in force: `off` once one has failed."""
        self.mix = configured.mix_in_force
        try:
            self._backend = registry.get(configured.backend)
        except BackendError as error:
            log.error("%s: denoise.backend: %s: goes on with %s", name, error, OFF)
            self.counts.backend_failures += 1
            self._use(OFF)

    @property
    def delay_ms(self) -> float:
        """How long a sample is held, at most and without the time for computing."""
        return 1000 * self._backend.delay_samples / WORKING_RATE_HZ

    def set_mix(self, mix: float) -> None:
        """Blend with `mix` from now on, whatever backend is chosen later."""
        self._explicit_mix = self.mix = mix
        self.meter.forget()
        if self._stream:
            self._stream.set_mix(mix)

    def set_backend(self, name: str) -> None:
        """Go over to another backend, with its own default mix unless a mix was set or configured.

        Raises:
            BackendError: it cannot be had; nothing changes.
        """
        self._registry.get(name)
        self._use(name)
        if self._stream:
            self._stream.switch(self._backend, self.mix)

    def feed(self, block: Block) -> None:
        """Take in the next block of the source."""
        latest = self._latest
        if latest and (block.pass_no, block.segment) != (latest.pass_no, latest.segment):
            goes_on = self._expected is not None and block.wanted >= self._expected
            if block.pass_no == latest.pass_no or goes_on:
                # Its end went missing, or the new pass begins further on; else it sends again what is here.
                self._finish(End.NO)
            self._forget()
        elif self._expected is not None and block.sample > self._expected:
            self._finish(End.NO)
            self._forget()
        self._latest = block
        if self._expected is None:
            self._expected = block.sample
            self._follows = min(block.follows, max(block.sample, block.wanted))
        self._take_in(block)
        if block.end is not End.NO:
            self._finish(block.end)
            self._forget()

    def take(self) -> list[Passed]:
        """Return the blocks that are ready."""
        if self._stream:
            self._pass_on(self._stream.take())
        passed, self._passed = self._passed, []
        return passed

    def finish(self) -> list[Passed]:
        """Return all that there is: the stage ends."""
        self._finish(End.NO)
        self._forget()
        return self.take()

    def _use(self, name: str) -> None:
        self._backend = self._registry.get(name)
        self.backend = name
        self.mix = default_mix(name) if self._explicit_mix is None else self._explicit_mix
        self.meter.forget()

    def _take_in(self, block: Block) -> None:
        assert self._expected is not None
        pcm = np.frombuffer(block.pcm, "<i2").astype(np.int16, copy=False)
        start = max(block.sample, min(self._expected, block.stop))
        begins = max(start, min(block.wanted, block.stop))
        self._lead.append(pcm[start - block.sample : begins - block.sample])
        self._expected = max(self._expected, block.stop)
        if begins == block.stop:
            return
        if self._stream is None:
            origin = min(block.segment_start, begins)
            context = np.concatenate(self._lead)
            self._stream = Stream(self._backend, self.mix, self.counts, begins - origin, context)
            self._origin = origin
            self._lead.clear()
        self._trace.add(block)
        self._stream.feed(pcm[begins - block.sample :])

    def _finish(self, end: End) -> None:
        """Let the stream run out, and say why it ends."""
        if self._stream:
            self._pass_on(self._stream.finish())
        if end is End.NO or self._latest is None:
            return
        if self._passed and self._passed[-1].block.stop == self._latest.stop:
            last = self._passed.pop()
            self._passed.append(replace(last, block=replace(last.block, end=end)))
            return
        latest = self._latest
        empty = replace(
            latest,
            sample=latest.stop,
            time=latest.time + latest.samples / latest.rate_hz,
            pcm=b"",
            follows=min(self._follows, latest.stop),
            end=end,
        )
        self._passed.append(Passed(empty, ()))

    def _forget(self) -> None:
        """Let the next block begin a new stream."""
        self._stream = None
        self._expected = None
        self._lead.clear()
        self._trace.clear()

    def _pass_on(self, output: Output) -> None:
        """Make blocks of samples that are final."""
        assert self._stream is not None
        assert self._latest is not None
        if self._stream.failure and self.backend != OFF:
            log.error(
                "%s: %s failed (%s): goes on with %s", self.name, self.backend, self._stream.failure, OFF
            )
            self._use(OFF)
        if not len(output.pcm):
            return
        self.meter.add(output.dry, output.pcm)
        first = self._origin + output.start
        for stretch in self._trace.cut(first, first + len(output.pcm)):
            block = replace(
                self._latest,
                sample=stretch.start,
                time=stretch.time,
                pcm=output.pcm[stretch.start - first : stretch.stop - first].astype("<i2").tobytes(),
                follows=self._follows,
                end=End.NO,
                handed=stretch.handed[-1],
            )
            self._follows = stretch.stop
            self._passed.append(Passed(block, stretch.handed))
