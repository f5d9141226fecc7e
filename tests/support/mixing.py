"""Speech and noise put together at a chosen signal-to-noise ratio, reproducibly.

The ratio counts *active* speech only, so that pauses do not make a speaker look quieter: 20 ms
frames within 25 dB of the 95th-percentile frame are active, and so are gaps of up to 200 ms
between them (an energy gate after ITU-T P.56). The noise's level is its mean power under the
speech. Only the noise is scaled, unless the sum would pass 0.99 of full scale; then both are.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

FRAME_S = 0.02
HANGOVER_FRAMES = 10
ACTIVE_WITHIN_DB = 25.0
CEILING = 0.99
SEAM_S = 0.02


@dataclass(frozen=True, slots=True)
class Mixture:
    """`noisy == clean + noise`; all of shape (samples,), full scale 1.0, equally long.

    clean    the speech, in the place and at the level that it has in `noisy`
    noise    the noise, likewise
    lead_in  samples of noise alone before the speech
    """

    noisy: Samples
    clean: Samples
    noise: Samples
    lead_in: int


def mix(
    speech: Samples,
    noise: Samples,
    *,
    snr_db: float,
    seed: int = 0,
    lead_in_s: float = 1.0,
    tail_s: float = 0.0,
    rate_hz: int = 16_000,
) -> Mixture:
    """Lay `noise` under `speech`, both of shape (samples,) at `rate_hz`.

    `seed` chooses where the noise recording is entered; it is looped, with cross-faded seams,
    where it is too short. Equal arguments give equal samples.

    Raises:
        ValueError: if either is silent, or the speech is shorter than one 20 ms frame.

    """
    lead_in, tail = round(lead_in_s * rate_hz), round(tail_s * rate_hz)
    total = lead_in + len(speech) + tail
    start = int(np.random.default_rng(seed).integers(0, len(noise)))
    seam = max(1, min(int(SEAM_S * rate_hz), len(noise) // 4))
    bed = _looped(noise - noise.mean(), total, start, seam)
    bed_power = float(np.mean(bed[lead_in : lead_in + len(speech)] ** 2))
    if bed_power <= 1e-12:
        raise ValueError("the noise is silent under the speech")
    bed *= np.sqrt(active_power(speech, rate_hz) / (bed_power * 10 ** (snr_db / 10)))
    clean = np.pad(speech, (lead_in, tail))
    peak = float(np.abs(clean + bed).max())
    if peak > CEILING:
        clean, bed = clean * (CEILING / peak), bed * (CEILING / peak)
    return Mixture(noisy=clean + bed, clean=clean, noise=bed, lead_in=lead_in)


def active_power(speech: Samples, rate_hz: int = 16_000) -> float:
    """Return the mean square of the active speech, linear.

    Raises:
        ValueError: if the speech is silent or shorter than one 20 ms frame.

    """
    return float(np.mean(speech[active(speech, rate_hz)] ** 2))


def active(speech: Samples, rate_hz: int = 16_000) -> npt.NDArray[np.bool_]:
    """Say of each sample whether somebody is talking; shape (samples,).

    Raises:
        ValueError: if the speech is silent or shorter than one 20 ms frame.

    """
    frame = round(FRAME_S * rate_hz)
    whole = len(speech) // frame * frame
    if whole == 0:
        raise ValueError("the speech is shorter than one 20 ms frame")
    power = np.mean(speech[:whole].reshape(-1, frame) ** 2, axis=1)
    loud = float(np.percentile(power, 95))
    if loud <= 1e-10:
        raise ValueError("the speech is silent: its loud frames are below -100 dBFS")
    talking = power >= loud * 10 ** (-ACTIVE_WITHIN_DB / 10)
    edges = np.flatnonzero(talking)
    for earlier, later in pairwise(edges):
        if later - earlier <= HANGOVER_FRAMES + 1:
            talking[earlier:later] = True
    # The last, incomplete frame shares the fate of the one before it.
    return np.append(talking.repeat(frame), np.repeat(talking[-1], len(speech) - whole))


def _looped(noise: Samples, total: int, start: int, seam: int) -> Samples:
    """Return `total` samples of `noise` from `start` on, each seam an equal-power cross-fade."""
    if len(noise) <= 2 * seam:
        raise ValueError("the noise is too short to be looped")
    bed = noise[start : start + total].copy()
    while len(bed) < total:
        again = noise[: total - len(bed) + seam]
        shared = min(seam, len(bed), len(again))
        rise = np.sin(np.linspace(0.0, np.pi / 2, shared))
        crossed = bed[-shared:] * rise[::-1] + again[:shared] * rise
        bed = np.concatenate((bed[:-shared], crossed, again[shared:]))
    return bed[:total]
