"""Core: word error rates by setting, part and SNR, each compared with `off` on the same mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heard.compare.grid import Setting

from .intervals import Difference, Interval, paired
from .mixes import Mix
from .outcome import Outcome
from .plan import PARTS

OFF = Setting("off", 0.0)
NOISY, QUIET = "0 to 10 dB", "20 dB and clean"
GROUPS: Mapping[str, tuple[int | None, ...]] = {
    NOISY: (0, 5, 10),
    QUIET: (20, None),
    "0 dB": (0,),
    "5 dB": (5,),
    "10 dB": (10,),
    "20 dB": (20,),
    "clean": (None,),
}
BOTH = "both"
SCOPES: Mapping[str, tuple[str, ...]] = {**{part: (part,) for part in PARTS}, BOTH: PARTS}

Heard = Mapping[Mix, Mapping[Setting, Outcome]]
"""What one engine heard: for each mix an outcome for every setting."""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting in one part and group.

    wer      word error rate in percent, runaway repetition capped
    uncut    the same without the cap
    capped   mixes where the cap made a difference
    against  `off`: points more or less, None for `off` itself
    """

    setting: Setting
    part: str
    group: str
    mixes: int
    words: int
    errors: int
    wer: float
    uncut: float
    capped: int
    against: Interval | None


@dataclass(frozen=True, slots=True)
class Sounding:
    """Means over the mixes of 0 to 10 dB whose utterance is a clean reference; the cost is over all mixes."""

    setting: Setting
    mixes: int
    si_sdr_db: float
    stoi: float
    pesq: float | None
    gain_db: float
    rtf: float


def rows(heard: Heard, settings: Sequence[Setting], *, seed: int) -> list[Row]:
    """Return a row for each setting, part and group that has any mixes, and for each noise at 0 to 10 dB.

    `off` must be among the settings.
    """
    found = []
    for scope, parts in SCOPES.items():
        for group, snrs in GROUPS.items():
            mixes = chosen(heard, parts, snrs)
            if mixes:
                found += [
                    _row(heard, mixes, setting, part=scope, group=group, seed=seed) for setting in settings
                ]
    for noise in sorted({mix.noise for mix in heard if mix.noise}):
        mixes = [mix for mix in chosen(heard, PARTS, GROUPS[NOISY]) if mix.noise == noise]
        if mixes:
            group = f"{NOISY}, {noise}"
            found += [_row(heard, mixes, setting, part=BOTH, group=group, seed=seed) for setting in settings]
    return found


def chosen(heard: Heard, parts: Sequence[str], snrs: Sequence[int | None]) -> list[Mix]:
    """Return the mixes of these parts and SNRs."""
    return [mix for mix in heard if mix.part in parts and mix.snr_db in snrs]


def compared(heard: Heard, mixes: Sequence[Mix], one: Setting, other: Setting, *, seed: int) -> Interval:
    """Return by how many points `one` makes more word errors than `other`."""
    differences = [
        Difference(mix.utterance, heard[mix][one].errors - heard[mix][other].errors, heard[mix][one].words)
        for mix in mixes
    ]
    return paired(differences, seed=seed)


def soundings(heard: Heard, settings: Sequence[Setting]) -> list[Sounding]:
    """Return what sound and cost can be said of; nothing where no mix has a clean reference."""
    found = []
    for setting in settings:
        all_of_it = [outcomes[setting] for outcomes in heard.values()]
        mixes = chosen(heard, PARTS, GROUPS[NOISY])
        measured = [quality for mix in mixes if (quality := heard[mix][setting].quality)]
        if not measured:
            continue
        pesqs = [each.pesq for each in measured if each.pesq is not None]
        found.append(
            Sounding(
                setting,
                len(measured),
                float(np.mean([each.si_sdr_db for each in measured])),
                float(np.mean([each.stoi for each in measured])),
                float(np.mean(pesqs)) if pesqs else None,
                float(np.mean([each.gain_db for each in measured])),
                sum(each.compute_s for each in all_of_it) / sum(each.audio_s for each in all_of_it),
            )
        )
    return found


def _row(heard: Heard, mixes: Sequence[Mix], setting: Setting, *, part: str, group: str, seed: int) -> Row:
    outcomes = [heard[mix][setting] for mix in mixes]
    words, errors = sum(each.words for each in outcomes), sum(each.errors for each in outcomes)
    return Row(
        setting,
        part,
        group,
        len(mixes),
        words,
        errors,
        100 * errors / words,
        100 * sum(each.uncut for each in outcomes) / words,
        sum(each.uncut > each.errors for each in outcomes),
        None if setting == OFF else compared(heard, mixes, setting, OFF, seed=seed),
    )
