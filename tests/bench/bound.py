"""How near a stream could come to the library on the whole recording, if it only knows what it can know.

For every hop of the stream the library itself is called, unchanged, on all that was captured when the hop has
to leave: the whole past and the same look-ahead, no window, no primer. What it makes of the hop then is
compared with what it makes of it knowing the whole recording. The difference is the future's doing; what
the stream differs more than that is its window's.

The same again with a second of look-ahead shows how much of it a longer delay would give back.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from heard.denoise.backend import Samples
from heard.denoise.noisereduce import N_FFT, SHAPE, whole

from ..support.corpus import RATE_HZ

SECOND = 16_128
"""A second of look-ahead, rounded to whole frames' steps of the library."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One mix. dB: SNR of the difference to the library on the whole recording at full strength.

    stream  heard's own
    known   the library on what is known when the hop has to leave
    second  likewise, a second later
    hops    how many hops were compared
    """

    name: str
    stream: float
    known: float
    second: float
    hops: int


def bound(name: str, dry: Samples, streamed: Samples, *, from_s: float, every: int = 1) -> Bound:
    """Compare one mix from `from_s` on; both signals are equally long, from its first sample on.

    `every`: compare every nth hop, since each takes two calls of the library on up to the whole mix.
    """
    hops = in_steps(dry)
    reference = whole(hops, padding=0)
    first = -(-round(from_s * RATE_HZ) // SHAPE.hop) * SHAPE.hop
    starts = range(first, len(dry), SHAPE.hop * every)
    expected = _picked(reference[: len(dry)], starts)
    return Bound(
        name,
        difference_db(expected, _picked(streamed, starts)),
        difference_db(expected, _known(dry, starts, SHAPE.look_ahead)),
        difference_db(expected, _known(dry, starts, SECOND)),
        len(starts),
    )


def in_steps(dry: Samples) -> Samples:
    """Return the signal with zeros up to a whole step of the library, which would drop the rest."""
    return np.pad(dry, (0, -len(dry) % (N_FFT // 4)))


def difference_db(expected: Samples, got: Samples) -> float:
    """Return the SNR of the difference; infinite where there is none."""
    wanted, difference = expected.astype(np.float64), (expected - got).astype(np.float64)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((wanted @ wanted) / (difference @ difference)))


def table(found: list[Bound]) -> Table:
    """Return the mixes and, below, least and median."""
    shown = Table(title="Agreement with the whole recording, full strength (dB)", title_justify="left")
    for column in ("mix", "heard", "library, same delay", "library, 1 s of delay"):
        shown.add_column(column, justify="left" if column == "mix" else "right")
    for each in found:
        shown.add_row(each.name, f"{each.stream:.1f}", f"{each.known:.1f}", f"{each.second:.1f}")
    shown.add_section()
    kinds = [[getattr(each, kind) for each in found] for kind in ("stream", "known", "second")]
    shown.add_row("least", *(f"{min(values):.1f}" for values in kinds))
    shown.add_row("median", *(f"{statistics.median(values):.1f}" for values in kinds))
    return shown


def _picked(signal: Samples, starts: Iterable[int]) -> Samples:
    return np.concatenate([signal[start : start + SHAPE.hop] for start in starts])


def _known(dry: Samples, starts: Iterable[int], look_ahead: int) -> Samples:
    """Return each hop as the library makes it, given the recording up to `look_ahead` behind the hop."""

    def hop(start: int) -> Samples:
        stop = start + SHAPE.hop
        heard = whole(in_steps(dry[: stop + look_ahead]), padding=0)
        return heard[start : min(stop, len(dry))]

    return np.concatenate([hop(start) for start in starts])
