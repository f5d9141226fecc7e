"""Core: one source's way through the stage: its passes, segments, lead-in and holes, block by block."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from heard.denoise.backend import Backend, TakesProfile
from heard.denoise.levels import Meter
from heard.denoise.off import Off
from heard.denoise.pcm import Pcm
from heard.denoise.profile import LEARNED, TRACKED, Learning, Profile, ProfileError, Profiles
from heard.denoise.registry import TAKE_PROFILE, BackendError, Registry, default_mix
from heard.denoise.spectrum import Spectra
from heard.denoise.stream import Counts, Output, Stream
from heard.denoise.trace import Trace
from heard.settings import WORKING_RATE_HZ, Denoise
from heard.wire.audio import Block, End
from heard.wire.codec import Body

log = logging.getLogger(__name__)

OFF = "off"
MIX, BACKEND, NOISE, ADAPTIVE = "denoise.mix", "denoise.backend", "denoise.noise", "denoise.adaptive"


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

    def __init__(self, name: str, registry: Registry, configured: Denoise, profiles: Profiles) -> None:
        self.name = name
        self.meter = Meter()
        self.counts = Counts()
        self.learning: Learning | None = None
        """Noise that is being measured."""
        self.spectra: Spectra | None = None
        """There while somebody watches."""
        self._registry = registry
        self._profiles = profiles
        self._stream: Stream | None = None
        self._trace = Trace()
        self._lead: list[Pcm] = []
        self._latest: Block | None = None
        self._expected: int | None = None
        self._origin = 0
        self._follows = 0
        self._heard = 0
        """Number of the first sample that never came in."""
        self._passed: list[Passed] = []
        self._faults: dict[str, str] = {}
        self._explicit_mix: float | None = None
        self._profile: Profile | None = None
        self._backend: Backend = Off()
        self._wanted = OFF
        """Name of the backend that was chosen last: it is tried again."""
        self.backend = OFF
        """Name of the backend in force: `off` where what was chosen cannot be had, or has failed."""
        self.mix = 0.0
        self.noise = TRACKED
        """What was chosen; see `noise_in_force`."""
        self.adaptive = configured.adaptive
        self.configure(configured)

    @property
    def fault(self) -> str | None:
        """What was asked for and cannot be had, None where all can."""
        return "; ".join(f"{self.name}: {fault}" for fault in self._faults.values()) or None

    @property
    def noise_in_force(self) -> str:
        """What was chosen, but "tracked" where that profile cannot be had or this backend takes none."""
        return self.noise if self._profile and isinstance(self._plain(), TakesProfile) else TRACKED

    @property
    def delay_ms(self) -> float:
        """How long a sample is held, at most and without the time for computing."""
        return 1000 * self._backend.delay_samples / WORKING_RATE_HZ

    @property
    def mix_now(self) -> float:
        """The mix at the last sample that came out, which is not `mix` where it adapts."""
        if self._stream:
            return self._stream.mix_now
        return 0.0 if self.adaptive else self.mix

    def values(self) -> Body:
        """Return what can be set, as it is in force."""
        return {BACKEND: self.backend, MIX: self.mix, NOISE: self.noise_in_force, ADAPTIVE: self.adaptive}

    def set_value(self, key: str, value: object) -> None:
        """Set one of `values`; nothing changes where that fails.

        Raises:
            ValueError: there is no such key, or it takes other values.
            BackendError, ProfileError: it cannot be had.
        """
        match key, value:
            case ("denoise.mix", bool()):
                raise ValueError(f"{MIX}: must be a number from 0 to 1, not {value!r}")
            case ("denoise.mix", float() | int()) if 0 <= value <= 1:
                self.set_mix(float(value))
            case ("denoise.mix", _):
                raise ValueError(f"{MIX}: must be a number from 0 to 1, not {value!r}")
            case ("denoise.backend", str()):
                self.set_backend(value)
            case ("denoise.backend", _):
                raise ValueError(f"{BACKEND}: must be a name, not {value!r}")
            case ("denoise.noise", str()):
                self.set_noise(value)
            case ("denoise.noise", _):
                raise ValueError(f"{NOISE}: must be {TRACKED}, {LEARNED} or an absolute path, not {value!r}")
            case ("denoise.adaptive", bool()):
                self.set_adaptive(adaptive=value)
            case ("denoise.adaptive", _):
                raise ValueError(f"{ADAPTIVE}: must be true or false, not {value!r}")
            case _:
                raise ValueError(f"unknown key {key!r}: must be one of {', '.join(self.values())}")

    def set_adaptive(self, *, adaptive: bool) -> None:
        """Let the mix depend on the estimated ratio of speech to noise from now on, or not."""
        self.adaptive = adaptive
        self.meter.forget()
        if self._stream:
            self._stream.set_adaptive(adaptive=adaptive)

    def set_mix(self, mix: float) -> None:
        """Blend with `mix` from now on, whatever backend is chosen later."""
        self._explicit_mix = mix
        self._blend(mix)

    def set_backend(self, name: str) -> None:
        """Go over to another backend, with its own default mix unless a mix was set or configured.

        Raises:
            BackendError, ProfileError: it cannot be had, or the profile that is chosen; nothing changes.
        """
        profile = self._profile
        if profile is None and name != OFF:
            profile = self._profiles.load(self.name, self.noise)
        self._choose(name, profile)

    def set_noise(self, noise: str) -> None:
        """Go over to another noise profile, or to a new one under the same name.

        Raises:
            ProfileError, BackendError: it cannot be had, or the backend takes none; nothing changes.
        """
        profile = self._profiles.load(self.name, noise)
        if profile and not isinstance(self._registry.get(self._wanted), TakesProfile):
            can = ", ".join(TAKE_PROFILE)
            raise ProfileError(f"{self._wanted} takes no noise profile; the backends that do are {can}")
        self._choose(self._wanted, profile)
        self.noise = noise

    def learned(self, profile: Profile) -> None:
        """Go over to the profile that was learned just now: this source's noise is the learned one.

        Raises:
            BackendError: the backend does not take it; nothing changes.
        """
        self._choose(self._wanted, profile)

    def configure(self, wanted: Denoise) -> None:
        """Take over what is configured; without what cannot be had it is `off`: the log and `fault` tell."""
        self._explicit_mix = wanted.mix
        self._wanted, self.noise = wanted.backend, wanted.noise
        self._faults.clear()
        try:
            # A profile that nothing would be done with is not missed.
            profile = None if wanted.backend == OFF else self._profiles.load(self.name, wanted.noise)
            same = profile.same(self._profile) if profile else self._profile is None
            if wanted.backend != self.backend or not same:
                self._use(wanted.backend, profile)
            if profile and not isinstance(self._plain(), TakesProfile):
                log.warning("%s: %s: %s takes no noise profile", self.name, NOISE, self.backend)
        except ProfileError as error:
            self._use(OFF, None)
            self._lacks(NOISE, f"{NOISE}: {error}: goes on with {OFF}")
        except BackendError as error:
            self.counts.backend_failures += 1
            self._use(OFF, None)
            self._lacks(BACKEND, f"{BACKEND}: {error}: goes on with {OFF}")
        mix = default_mix(self.backend) if wanted.mix is None else wanted.mix
        if mix != self.mix:
            self._blend(mix)
        if wanted.adaptive != self.adaptive:
            self.set_adaptive(adaptive=wanted.adaptive)

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

    def missing(self, backend: str, noise: str) -> list[str]:
        """Return a line for each of a backend and a noise that cannot be had; nothing changes."""
        lines = []
        profile = None
        try:
            profile = None if backend == OFF else self._profiles.load(self.name, noise)
        except ProfileError as error:
            lines.append(f"{NOISE}: {error}")
        try:
            self._made(backend, profile)
        except BackendError as error:
            lines.append(f"{BACKEND}: {error}")
        return lines

    def _choose(self, name: str, profile: Profile | None) -> None:
        """Go over to what somebody asks for now.

        Raises:
            BackendError: it cannot be had; nothing changes.
        """
        self._use(name, profile)
        self._wanted = name
        self._faults.clear()

    def _plain(self) -> Backend:
        """Return the backend in force as it is without a profile."""
        return self._registry.get(self.backend)

    def _use(self, name: str, profile: Profile | None) -> None:
        """Go over to a backend, with the profile if it takes one.

        Raises:
            BackendError: it cannot be had; nothing changes.
        """
        backend = self._made(name, profile)
        self.backend, self._backend, self._profile = name, backend, profile
        self.mix = default_mix(name) if self._explicit_mix is None else self._explicit_mix
        self.meter.forget()
        if self._stream:
            self._stream.switch(self._backend, self.mix)

    def _made(self, name: str, profile: Profile | None) -> Backend:
        """Return a backend, with the profile if it takes one.

        Raises:
            BackendError: it cannot be had.
        """
        backend = self._registry.get(name)
        if not profile or not isinstance(backend, TakesProfile):
            return backend
        try:
            return backend.with_noise(profile.samples)
        except Exception as error:
            # As in the registry: a third party's may do anything.
            raise BackendError(f"{name}: {type(error).__name__}: {error}") from error

    def _blend(self, mix: float) -> None:
        self.mix = mix
        self.meter.forget()
        if self._stream:
            self._stream.set_mix(mix)

    def _lacks(self, key: str, fault: str) -> None:
        self._faults[key] = fault
        log.error("%s: %s", self.name, fault)

    def _take_in(self, block: Block) -> None:
        assert self._expected is not None
        pcm = np.frombuffer(block.pcm, "<i2").astype(np.int16, copy=False)
        start = max(block.sample, min(self._expected, block.stop))
        begins = max(start, min(block.wanted, block.stop))
        if self._stream is None:
            self._lead.append(pcm[start - block.sample : begins - block.sample])
        self._expected = max(self._expected, block.stop)
        if begins == block.stop:
            return
        if self._stream is None:
            origin = min(block.segment_start, begins)
            context = np.concatenate(self._lead)
            self._stream = Stream(
                self._backend, self.mix, self.counts, begins - origin, context, adaptive=self.adaptive
            )
            self._origin = origin
            self._lead.clear()
        # What a new pass brings again was measured already.
        fresh = min(max(begins, self._heard), block.stop)
        self._heard = max(self._heard, block.stop)
        if self.learning and block.time >= self.learning.since:
            self.learning.add(pcm[fresh - block.sample :])
        self._trace.add(block)
        self._stream.feed(pcm[begins - block.sample :])

    def _finish(self, end: End) -> None:
        """Let the stream run out, and say why it ends."""
        if self._stream:
            self._pass_on(self._stream.finish())
        if end is End.NO or self._latest is None:
            return
        if self.learning:
            self.learning.interrupt(end.value)
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
        if self.spectra:
            self.spectra.cut()

    def _pass_on(self, output: Output) -> None:
        """Make blocks of samples that are final."""
        assert self._stream is not None
        assert self._latest is not None
        if self._stream.failure and self.backend != OFF:
            failed, why = self.backend, self._stream.failure
            # The stream has left it already; this is for the status and the streams to come.
            self._backend, self.backend = self._registry.get(OFF), OFF
            self.mix = default_mix(OFF) if self._explicit_mix is None else self._explicit_mix
            self.meter.forget()
            self._lacks(BACKEND, f"{failed} failed ({why}): goes on with {OFF} until {BACKEND} is set")
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
        if self.spectra:
            last = self._passed[-1].block
            self.spectra.add(output.dry, output.pcm, last.time + last.samples / last.rate_hz)
