"""Core: how much of the mix is in force while it adapts to the noise.

    estimated ratio     up to 10 dB ── a straight line ── from 15 dB on
    wanted                   1                               0
    share               mean of what was wanted the last ten times, a straight line from one mean to the next

Every 0.1 s of the segment, on the grid of its sample numbers, the ratio of speech to noise is estimated. The
mean over ten goes from one end to the other in 1 s at the fastest, and forgets: what is in force at a sample
follows from the 5.9 s before it, so that a replay, whose lead-in is 6 s, comes to the same.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.pcm import FULL_SCALE, Pcm
from heard.denoise.snr import FRAME, NOISE_FRAMES, estimate_db, powers_of

FULL_DB, NONE_DB = 10.0, 15.0
"""As the estimate reads: 10 dB for a mix at 8 dB; of what clean speech reads, 95 % is above 15 dB."""
STEP = 5 * FRAME
"""0.1 s: from one estimate to the next."""
MEAN_STEPS = 10
REACH = STEP * (MEAN_STEPS + 1) + FRAME * NOISE_FRAMES
"""How many samples before a sample its share depends on, at most."""


def share_at(ratio_db: float | None) -> float:
    """Return how much of the mix a ratio asks for, 0 to 1; none while nothing is known or all is silent."""
    if ratio_db is None:
        return 0.0
    return min(1.0, max(0.0, (NONE_DB - ratio_db) / (NONE_DB - FULL_DB)))


class Adaptive:
    """One segment's share of its mix, by sample number; `past` holds the samples from number `start` on."""

    def __init__(self, start: int, past: Pcm) -> None:
        self._frame = -(-start // FRAME)
        """Number of the next frame: the first one that is whole."""
        self._rest: Pcm = np.zeros(0, np.int16)
        self._powers: deque[float] = deque(maxlen=NOISE_FRAMES)
        self._wanted: deque[float] = deque(maxlen=MEAN_STEPS)
        self._shares: dict[int, float] = {}
        """By the number of the step that begins where the mean was taken."""
        self.hear(past[self._frame * FRAME - start :])

    def hear(self, samples: Pcm) -> None:
        """Take in the samples that follow, dry; any number."""
        known = np.concatenate((self._rest, samples))
        powers = powers_of(known / FULL_SCALE)
        for power in powers.tolist():
            self._powers.append(power)
            self._frame += 1
            step, inside = divmod(self._frame * FRAME, STEP)
            if not inside:
                self._wanted.append(share_at(estimate_db(np.array(self._powers))))
                self._shares[step] = sum(self._wanted) / MEAN_STEPS
        self._rest = known[len(powers) * FRAME :]

    def over(self, start: int, stop: int) -> Samples:
        """Return the share at each of the samples [start, stop), all of them heard; later none before."""
        numbers = np.arange(start, stop)
        steps = numbers // STEP
        first, last = (int(steps[0]), int(steps[-1])) if len(steps) else (0, -1)
        for known in [step for step in self._shares if step < first - 1]:
            del self._shares[known]
        means = np.array([self._shares.get(step, 0.0) for step in range(first - 1, last + 1)])
        place = (numbers - steps * STEP + 1) / STEP
        before, after = means[steps - first], means[steps - first + 1]
        shares: Samples = (before + (after - before) * place).astype(np.float32)
        return shares
