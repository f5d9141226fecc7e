"""Backend `off`: what goes in comes out at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from heard.denoise.backend import Samples


class Off:
    """See `heard.denoise.backend.Backend`."""

    delay_samples = 0
    context_samples = 0

    @property
    def counters(self) -> Mapping[str, int]:
        """Nothing can go wrong here."""
        return {}

    def start(self, position: int, context: Samples) -> PassThrough:  # noqa: ARG002  # the seam's signature
        """Begin a stream; it needs no context."""
        return PassThrough()


class PassThrough:
    """A stream without any delay."""

    def __init__(self) -> None:
        self._waiting: list[Samples] = []

    def feed(self, samples: Samples) -> None:
        """Take in samples."""
        self._waiting.append(samples)

    def take(self) -> Samples:
        """Return all that was fed since."""
        waiting, self._waiting = self._waiting, []
        return np.concatenate(waiting) if waiting else np.zeros(0, np.float32)

    def finish(self) -> Samples:
        """Return what was not taken."""
        return self.take()
