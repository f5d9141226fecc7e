"""Backends `gate` and `gate-fast`: noisereduce's non-stationary gate, carried as a stream, on numpy alone.

Each frame is computed once, for all streams that have one, in the first `take` after they were fed.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.gate_bank import Bank
from heard.denoise.gate_floor import mean_magnitudes
from heard.denoise.gate_form import FAST, QUALITY, Form
from heard.denoise.gate_frames import Frames


class Gate:
    """See `heard.denoise.backend.Backend`."""

    def __init__(self, form: Form = QUALITY) -> None:
        self.delay_samples = form.delay
        self.context_samples = form.context
        self.bank = Bank(form)
        self._waiting: dict[GateStream, None] = {}
        """Those that were fed since the last batch; in order, so that a run can be repeated."""

    @property
    def counters(self) -> Mapping[str, int]:
        """There is nothing to work around."""
        return {}

    def start(self, position: int, context: Samples) -> GateStream:
        """Begin a stream."""
        return GateStream(self, Frames(self.bank.form, position, context), None)

    def with_noise(self, noise: Samples) -> GateOnProfile:
        """Return the gate on a floor that stays: what it would track in that noise alone."""
        return GateOnProfile(self, mean_magnitudes(noise, self.bank.hann))

    def fed(self, stream: GateStream) -> None:
        """Have the stream in the next batch."""
        self._waiting[stream] = None

    def work(self) -> None:
        """Compute all frames that are complete, a frame of each stream at a time.

        What is raised here ends all streams of the batch: none of them can be trusted to be whole.
        """
        streams, self._waiting = list(self._waiting), {}
        try:
            while streams := [stream for stream in streams if stream.frames.ready]:
                frames = np.stack([stream.frames.frame() for stream in streams])
                rows = np.array([stream.row for stream in streams])
                numbers = np.array([stream.frames.number for stream in streams])
                self.bank.listen(rows, numbers, frames)
                self._speak(streams)
        except Exception as error:
            for stream in streams:
                stream.failure = error
            raise

    def run_out(self, stream: GateStream) -> None:
        """Compute what waits for frames that will not come."""
        while not stream.frames.over:
            self.bank.hold(np.array([stream.row]), np.array([stream.frames.number]))
            self._speak([stream])

    def _speak(self, streams: list[GateStream]) -> None:
        """Let those speak that are to, and all go on to their next frame."""
        speaking = [stream for stream in streams if stream.frames.speaks]
        blocks: dict[GateStream, Samples] = {}
        if speaking:
            rows = np.array([stream.row for stream in speaking])
            numbers = np.array([stream.frames.number for stream in speaking])
            blocks = dict(zip(speaking, self.bank.speak(rows, numbers), strict=True))
        for stream in streams:
            stream.frames.advance(blocks.get(stream))


class GateOnProfile:
    """A gate whose floor is given; its streams are computed in one batch with those of `gate`."""

    def __init__(self, gate: Gate, floor: Samples) -> None:
        self._gate = gate
        self._floor = floor
        self.delay_samples = gate.delay_samples
        self.context_samples = gate.context_samples

    @property
    def counters(self) -> Mapping[str, int]:
        """Those of the gate are its own."""
        return {}

    def start(self, position: int, context: Samples) -> GateStream:
        """Begin a stream."""
        return GateStream(self._gate, Frames(self._gate.bank.form, position, context), self._floor)


class GateStream:
    """One stream; see `heard.denoise.backend.Denoiser`."""

    def __init__(self, gate: Gate, frames: Frames, floor: Samples | None) -> None:
        self._gate = gate
        self.frames = frames
        self.row = gate.bank.claim(frames.start, floor)
        self.failure: Exception | None = None
        """What ended the batch that this stream was in."""
        # A stream may be let go at any time without being finished.
        weakref.finalize(self, gate.bank.release, self.row)

    def feed(self, samples: Samples) -> None:
        """Take in the samples that follow."""
        self.frames.append(samples)
        self._gate.fed(self)

    def take(self) -> Samples:
        """Return the blocks that are complete."""
        if self.failure is None:
            self._gate.work()
        if self.failure is not None:
            raise RuntimeError("the batch that this stream was in failed") from self.failure
        return self.frames.collect()

    def finish(self) -> Samples:
        """Return the rest."""
        before = self.take()
        self.frames.end()
        self._gate.fed(self)
        self._gate.work()
        self._gate.run_out(self)
        return np.concatenate((before, self.frames.collect()))


class GateFast(Gate):
    """The low-latency form."""

    def __init__(self) -> None:
        super().__init__(FAST)
