"""The library itself on a whole recording, at any frame size, for the gate to be compared with."""

import noisereduce
import numpy as np

from heard.denoise.backend import Samples
from heard.settings import WORKING_RATE_HZ


def library(recording: Samples, n_fft: int) -> Samples:
    """Return what noisereduce makes of all of `recording` at full strength, without padding; as long.

    In one piece, where the library would begin anew every 600,000 samples.
    """
    # It drops what is no whole hop.
    whole = np.pad(recording, (0, -len(recording) % (n_fft // 4)))
    reduced: Samples = noisereduce.reduce_noise(
        y=whole,
        sr=WORKING_RATE_HZ,
        stationary=False,
        n_fft=n_fft,
        padding=0,
        chunk_size=len(whole),
        n_jobs=1,
    )
    return reduced[: len(recording)]


def agreement_db(dry: Samples, streamed: Samples, reference: Samples, mix: float) -> float:
    """Return the SNR of the difference from 4 s on, both blended with the dry signal."""
    behind = slice(4 * WORKING_RATE_HZ, None)
    expected = (dry * (1 - mix) + reference * mix)[behind].astype(np.float64)
    difference = (mix * (reference - streamed))[behind].astype(np.float64)
    return float(10 * np.log10((expected @ expected) / (difference @ difference)))
