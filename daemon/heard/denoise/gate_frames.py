"""Core: one stream's samples cut into frames, and its blocks put together again.

Frame i spans the samples from i * hop - n_fft / 2 on, block k those from k * hop on. Block k is complete once
the frames k - 1 to k + 2 are masked; mask i is made once frame i + `future` is there.
"""

from __future__ import annotations

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.gate_bank import hann
from heard.denoise.gate_form import Form
from heard.denoise.kept import Kept


class Frames:
    """`position` numbers the first sample wanted within its segment; `context` lies just before it.

    `start` is the number of the frame with which the recording begins, None if that was before `context`.
    """

    def __init__(self, form: Form, position: int, context: Samples) -> None:
        self._form = form
        hop, half = form.hop, form.n_fft // 2
        earliest = position - min(len(context), position)
        wanted = position // hop
        first = 0
        if earliest:
            # The first whole frame, or where there is none in time one with zeros in it.
            first = max(0, min(-(-(earliest + half) // hop), wanted - 1))
        self.start = None if earliest else 0
        self.number = first
        """Of the next frame."""
        self._first = first
        self._speaks_from = max(first, wanted - 1) + form.future
        begin = first * hop - half
        missing = np.zeros(max(0, earliest - begin), np.float32)
        past = context[len(context) - (position - max(earliest, begin)) :]
        self._kept = Kept(begin, np.concatenate((missing, past)))
        self._position = position
        self._out = position
        self._end: int | None = None
        self._pieces: list[Samples] = []
        squares = hann(form.n_fft) ** 2 / np.float32(1.5)
        self._absent_before, self._absent_after = squares[-hop:], squares[:hop]

    @property
    def ready(self) -> bool:
        """Whether the next frame is complete."""
        return self._kept.stop >= self.number * self._form.hop + self._form.n_fft // 2

    @property
    def speaks(self) -> bool:
        """Whether with the next frame one is to be masked."""
        return self.number >= self._speaks_from

    @property
    def over(self) -> bool:
        """Whether the stream has ended and all of it is out."""
        return self._out == self._end

    def append(self, samples: Samples) -> None:
        """Add the samples that follow."""
        self._kept.append(samples)

    def frame(self) -> Samples:
        """Return the next frame's samples, shape (n_fft,)."""
        begin = self.number * self._form.hop - self._form.n_fft // 2
        return self._kept.between(begin, begin + self._form.n_fft)

    def advance(self, block: Samples | None) -> None:
        """Go on to the frame after; `block`: what was complete with this one, shape (hop,)."""
        form = self._form
        if block is not None:
            self._accept(self.number - form.future - 2, block)
        self.number += 1
        self._kept.forget(self.number * form.hop - form.n_fft // 2)

    def end(self) -> None:
        """Let the recording end here: as the library does, with zeros behind, from a whole hop on."""
        self._end = max(self._kept.stop, self._position)
        whole = -(-self._end // self._form.hop) * self._form.hop
        self._kept.append(np.zeros(whole - self._end + self._form.n_fft // 2, np.float32))

    def collect(self) -> Samples:
        """Return the samples that were completed since."""
        pieces, self._pieces = self._pieces, []
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _accept(self, number: int, block: Samples) -> None:
        form = self._form
        begin, stop = number * form.hop, (number + 1) * form.hop
        if stop <= self._out:
            return
        present = np.ones(form.hop, np.float32)
        if number == self._first:
            present -= self._absent_before
        if self._end is not None:
            if stop >= self._end:
                present -= self._absent_after
            stop = min(stop, self._end)
        self._pieces.append((block / present)[self._out - begin : stop - begin])
        self._out = stop
