"""Backends of the tests' own, real ones behind the same seam, and blocks."""

from collections.abc import Mapping

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.pcm import Pcm
from heard.denoise.window import Shape, SlidingWindow
from heard.wire.audio import Block, End

RATE_HZ = 16_000
DELAY = 96 + 32


class Halver:
    """Halves what it hears after a short delay, or does something worse (`reduce`)."""

    delay_samples = DELAY
    context_samples = 500

    def __init__(self) -> None:
        self.starts: list[tuple[int, int]] = []
        """Position and length of the context of each stream."""

    @property
    def counters(self) -> Mapping[str, int]:
        """None."""
        return {}

    def start(self, position: int, context: Samples) -> SlidingWindow:
        """Begin a stream."""
        self.starts.append((position, len(context)))
        shape = Shape(hop=96, look_ahead=32, past=200, memory=100, grid=8, settle=100)
        return SlidingWindow(self.reduce, shape, position, context)

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return half of it."""
        del before
        return window / np.float32(2)


class NotFinite(Halver):
    """Makes NaN of every third sample and infinity of every seventh."""

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return nonsense."""
        del before
        spoilt = window.copy()
        spoilt[::3] = np.nan
        spoilt[::7] = np.inf
        return spoilt


class Breaking(Halver):
    """Raises in its fifth window."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = 0

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return half of it, a few times."""
        self.windows += 1
        if self.windows == 5:
            raise RuntimeError("out of cheese")
        return super().reduce(window, before)


class Amplifier(Halver):
    """Makes it three times as loud."""

    def reduce(self, window: Samples, before: Samples) -> Samples:
        """Return too much."""
        del before
        return window * np.float32(3)


def ramp(count: int, first: int = 0) -> Pcm:
    """Return samples that say their number."""
    return (np.arange(first, first + count) % 20_000).astype(np.int16)


def block(
    pcm: Pcm,
    sample: int,
    *,
    source: str = "mic",
    time: float | None = None,
    segment: int = 0,
    segment_start: int = 0,
    pass_no: int = 0,
    wanted: int = 0,
    follows: int | None = None,
    end: End = End.NO,
) -> Block:
    """Return a raw block; by default sample n was captured at 1000 s + n / 16,000."""
    begins = 1000 + sample / RATE_HZ if time is None else time
    return Block(
        source=source,
        sample=sample,
        time=begins,
        pcm=pcm.astype("<i2").tobytes(),
        segment=segment,
        segment_start=segment_start,
        follows=sample if follows is None else follows,
        pass_no=pass_no,
        wanted=wanted,
        end=end,
        handed=begins + len(pcm) / RATE_HZ + 0.005,
    )
