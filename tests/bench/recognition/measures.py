"""What can be said of sound without counting words. The only module that imports pystoi and pesq.

`pesq` is used where it is installed: it comes as source alone, so that it needs a C compiler and Python's
headers, which a set-up must not ask of everyone.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
import pystoi

from .mixes import RATE_HZ

Signal = npt.NDArray[np.float64]

LEAST_GAIN_DB = -60.0


@dataclass(frozen=True, slots=True)
class Quality:
    """How near a signal is to the clean speech in it.

    si_sdr_db  scale-invariant signal-to-distortion ratio
    stoi       0..1, share of what can be understood (Taal and others, 2011)
    pesq       1..4.6, wide band (ITU-T P.862.2); None where it cannot be had
    gain_db    what is left of the speech; negative where denoising took some of it
    """

    si_sdr_db: float
    stoi: float
    pesq: float | None
    gain_db: float


def quality(clean: Signal, dry: Signal, wet: Signal) -> Quality:
    """Compare `wet` with `clean`, and with `dry` for the gain; all of shape (samples,), none silent."""
    with warnings.catch_warnings():
        # pystoi warns where too little speech is left for one value, and returns 1e-5: the value says it.
        warnings.simplefilter("ignore")
        stoi = float(pystoi.stoi(clean, wet, RATE_HZ))
    return Quality(si_sdr_db(clean, wet), stoi, _pesq(clean, wet), gain_db(clean, dry, wet))


def si_sdr_db(clean: Signal, wet: Signal) -> float:
    """Return the scale-invariant signal-to-distortion ratio (Le Roux and others, 2019)."""
    wanted = (wet @ clean) / (clean @ clean) * clean
    left = wet - wanted
    return float(10 * np.log10((wanted @ wanted) / max(1e-12, float(left @ left))))


def gain_db(clean: Signal, dry: Signal, wet: Signal) -> float:
    """Return by how much the part of the signal that is the clean speech was raised."""
    share = float(wet @ clean) / float(dry @ clean)
    return max(LEAST_GAIN_DB, float(20 * np.log10(max(1e-6, share))))


def has_pesq() -> bool:
    """Say whether PESQ can be had."""
    return find_spec("pesq") is not None


def _pesq(clean: Signal, wet: Signal) -> float | None:
    if not has_pesq():
        return None
    from pesq import PesqError, pesq  # noqa: PLC0415  # not installed everywhere

    value = float(pesq(RATE_HZ, clean, wet, "wb", on_error=PesqError.RETURN_VALUES))
    return value if value > 0 else None  # an error's code: no speech was found
