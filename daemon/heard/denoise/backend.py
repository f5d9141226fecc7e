"""The seam between a source's audio and whatever lowers its noise.

A `Backend` is made once per process and starts one `Denoiser` per source and segment. Feeding and
taking are apart so that a backend may compute what several of its streams were fed in one batch, at the
first `take`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono at the working rate, full scale 1.0, shape (samples,)."""


class Denoiser(Protocol):
    """The state of one stream. Sample n that comes out is sample n that went in, less noise.

    What is given back never depends on how the input was cut into blocks. An exception from any of these
    ends the denoiser: its source goes on without.
    """

    def feed(self, samples: Samples) -> None:
        """Take in the samples that follow those fed before; any number, none included."""

    def take(self) -> Samples:
        """Return those that are now final, following those returned before; maybe none."""

    def finish(self) -> Samples:
        """Return all that was fed and not yet returned; nothing is fed afterwards."""


class Backend(Protocol):
    """One way to lower noise, for any number of streams."""

    delay_samples: int
    """Sample n is out once n + delay_samples were fed: time that passes, never an offset."""
    context_samples: int
    """How many samples before a stream's first one its output depends on."""

    @property
    def counters(self) -> Mapping[str, int]:
        """What it met and worked around, by name, since it was made."""

    def start(self, position: int, context: Samples) -> Denoiser:
        """Begin a stream whose first sample is number `position` of its segment.

        `context` holds the samples just before it, as many as there are up to `context_samples`. With
        enough of it the output equals that of a stream which began earlier.
        """


@runtime_checkable
class TakesProfile(Protocol):
    """A backend that can be told what the noise is, instead of finding out by itself."""

    def with_noise(self, noise: Samples) -> Backend:
        """Return a backend that takes `noise`, at least 0.5 s of it alone, for all the noise there is.

        It may share what it has with this one, which stays as it is.
        """
