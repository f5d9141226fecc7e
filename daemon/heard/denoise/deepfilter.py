"""Backend `deepfilter`: DeepFilterNet 3, a recurrent network, frame by frame.

    ├ 10 ms frame ┤├ 3 ms ┤        raised to 48 kHz
    ╰─▶ network ─▶ the frame 30 ms before it ─▶ lowered to 16 kHz, less 3 ms

Frames lie on a grid that begins with the segment, so output depends on sample numbers alone and not on how
the input was cut into blocks. The network remembers: a stream that begins later than another settles on the
same output, it does not equal it (docs/denoise.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.deepfilter_rate import FACTOR, REACH, lowered, raised
from heard.denoise.deepfilter_runtime import FRAME, LAG, Runtime
from heard.denoise.kept import Kept
from heard.settings import WORKING_RATE_HZ

HOP = FRAME // FACTOR
"""A frame at the working rate."""
BEHIND = LAG // FACTOR + REACH
"""How far a frame's output begins before the frame, at the working rate."""
CONTEXT = 4 * WORKING_RATE_HZ
"""More agrees better with an unbroken stream, and takes an eighth of its length to compute."""

Network = Callable[[Samples], Samples]
"""Takes FRAME samples at the higher rate, returns those LAG before them; remembers what it needs."""


class Deepfilter:
    """See `heard.denoise.backend.Backend`."""

    delay_samples = HOP + REACH + BEHIND
    context_samples = CONTEXT

    def __init__(self) -> None:
        self._runtime = Runtime()

    @property
    def counters(self) -> Mapping[str, int]:
        """Nothing is worked around."""
        return {}

    def start(self, position: int, context: Samples) -> Frames:
        """Begin a stream with a network state of its own."""
        return Frames(self._runtime.state(), position, context)


class Frames:
    """One stream; see `heard.denoise.backend.Denoiser`."""

    def __init__(self, network: Network, position: int, context: Samples) -> None:
        self._network = network
        known = min(len(context), position)
        first = position - known
        self._frame = first // HOP * HOP
        """Number of the next frame's first sample."""
        before = np.zeros(REACH + first - self._frame, np.float32)
        self._kept = Kept(self._frame - REACH, np.concatenate((before, context[len(context) - known :])))
        self._wide: Samples = np.zeros(FACTOR * 2 * REACH, np.float32)
        """What the network returned last, as much as the next frame's output still needs."""
        self._out = position

    def feed(self, samples: Samples) -> None:
        """Take in the samples that follow."""
        self._kept.append(samples)

    def take(self) -> Samples:
        """Return what the frames yield that are complete."""
        ready: list[Samples] = []
        while self._frame + HOP + REACH <= self._kept.stop:
            ready.append(self._next())
        return np.concatenate(ready) if ready else np.zeros(0, np.float32)

    def finish(self) -> Samples:
        """Return the rest, as if silence followed."""
        due = self._kept.stop - self._out
        self._kept.append(np.zeros(Deepfilter.delay_samples, np.float32))
        return self.take()[:due]

    def _next(self) -> Samples:
        """Let the network have the next frame; return the samples that are final with it, maybe none."""
        around = self._kept.between(self._frame - REACH, self._frame + HOP + REACH)
        wide = np.concatenate((self._wide, self._network(raised(around))))
        self._wide = wide[FRAME:]
        start = self._frame - BEHIND
        self._frame += HOP
        self._kept.forget(self._frame - REACH)
        done = lowered(wide)[max(0, self._out - start) :]
        self._out += len(done)
        return done
