"""Core: what the figures say, and no more: which setting to take, how sure that is, what audio is missing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from heard.compare.bootstrap import SURE, Interval
from heard.compare.grid import OFF, Setting

FEWEST = 10
"""Pieces; with fewer a bootstrap knows too few ways in which it could have come out otherwise."""
ALIKE_POINTS = 1.0
"""A setting whose interval lies within so many points of `off` makes no difference that matters …"""
ALIKE_PIECES = 50
"""… if there were so many. Where none differs, a bootstrap sees no spread at all; but of 50 without one,
about one in twelve may have one yet (e^(-50/12) = 1.5 %), and a word in it makes one point in all."""
TARGETS_POINTS = (2.0, 1.0, 0.5)
"""Differences that are worth finding; the first is what the best setting that we know of is good for."""
USUAL_SPREAD = 13.0
"""Spread of a piece, in points, before it was measured: one word in ten differs, errors in runs of two …"""
USUAL_WEIGHT = 10
"""… which counts as much as so many pieces that were."""
MINUTES = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)


class Sure(StrEnum):
    """How sure a verdict is."""

    CLEAR = "clear"
    """Its interval against `off` is clear of 0: by the reference."""
    ALIKE = "alike"
    """No setting makes a difference that matters."""
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do.

    recommended     None where that cannot be told
    harmful         settings that are worse than `off` beyond chance
    leader          the setting with the fewest errors, whether that means anything or not; None: of equals
    minutes_needed  of such audio, about, to find a difference of `target_points`; None: not known, or enough
    text            one or two sentences
    """

    sure: Sure
    recommended: Setting | None
    harmful: tuple[Setting, ...]
    leader: Setting | None
    minutes_needed: int | None
    target_points: float | None
    text: str


def judged(against_off: Mapping[Setting, Interval], *, minutes: float, kept: Setting = OFF) -> Verdict:
    """Return the verdict on settings by how their word errors differ from those of `off`.

    minutes  of audio
    kept     the setting that is in force, to be kept where nothing better is known

    Raises:
        ValueError: there is no setting beside `off`.
    """
    pieces = _pieces(against_off)
    enough = pieces >= FEWEST
    harmful = tuple(each for each, found in against_off.items() if enough and found.low > 0)
    helpful = [each for each, found in against_off.items() if enough and found.high < 0]
    warning = _warning(harmful)
    leader = _leader(against_off)
    if helpful:
        best = min(helpful, key=lambda each: against_off[each].points)
        found = against_off[best]
        text = f"{best.name}: {-found.points:.1f} points fewer word errors than off, "
        text += f"and at least {-found.high:.1f} with 95 % confidence.{warning}"
        return Verdict(Sure.CLEAR, best, harmful, leader, None, None, text)
    if len(harmful) == len(against_off):
        text = f"off: every other setting makes more word errors.{warning}"
        return Verdict(Sure.CLEAR, OFF, harmful, leader, None, None, text)
    if _alike(against_off):
        text = f"off: no setting makes a difference of more than {_points(ALIKE_POINTS)} here."
        return Verdict(Sure.ALIKE, OFF, harmful, leader, None, None, text)
    open_yet = {each: found for each, found in against_off.items() if each not in harmful}
    needed, target = _missing(open_yet, minutes, comparisons=len(against_off))
    text = f"cannot tell: {_much(minutes)} of audio with {pieces} {_many(pieces)} of about a sentence. "
    if needed is not None:
        text += f"To find a difference of {_points(target)} it needs about {_time(needed)} of such audio. "
    text += _so_far(leader, against_off, enough=enough) + warning + _until_then(kept, harmful)
    return Verdict(Sure.CANNOT_TELL, None, harmful, leader, needed, target, text)


def unreferenced(differs: Mapping[Setting, Interval], *, minutes: float, kept: Setting = OFF) -> Verdict:
    """Return the verdict where nobody knows what was said, by how many words each has otherwise than `off`.

    Settings that say the same are equally good. Which of two that differ is right no vote can tell: on
    mixes whose words are known, the majority was furthest from the best setting (docs/denoise.md). So
    nothing is ever recommended by it. `differs` is empty where no words were heard.
    """
    if not differs:
        text = "cannot tell: with off no words were heard. Is it speech, in English, and loud enough?"
        return Verdict(Sure.CANNOT_TELL, None, (), None, None, None, text)
    if _alike(differs):
        text = f"off: no setting makes a difference of more than {_points(ALIKE_POINTS)} here."
        return Verdict(Sure.ALIKE, OFF, (), None, None, None, text)
    needed, target = _missing(differs, minutes, comparisons=len(differs))
    furthest = max(differs, key=lambda each: differs[each].points)
    if differs[furthest].points:
        share = f"{differs[furthest].points:.0f} %"
        text = (
            f"cannot tell: {furthest.name} differs from off in {share} of the words, and nobody knows which "
        )
        text += "of them were said. "
    else:
        text = f"cannot tell: no words differ, but {_much(minutes)} of audio are little. "
    text += "Read a page aloud and give it with --reference"
    if needed is not None:
        text += f"; to find a difference of {_points(target)} it takes about {_time(needed)} of speech"
    text += f".{_until_then(kept, ())}"
    return Verdict(Sure.CANNOT_TELL, None, (), None, needed, target, text)


def minutes_for(
    differences: Mapping[Setting, Interval], minutes: float, target_points: float, *, comparisons: int
) -> float:
    """Return how many minutes of such audio make every interval reach `target_points` to either side.

    The spread of few pieces is hardly known, so it is blended with a usual one.
    """
    z = NormalDist().inv_cdf(1 - (1 - SURE) / comparisons / 2)
    pieces = _pieces(differences)
    widest = max(each.spread for each in differences.values())
    variance = (pieces * widest**2 + USUAL_WEIGHT * USUAL_SPREAD**2) / (pieces + USUAL_WEIGHT)
    return max(z**2 * variance / target_points**2, FEWEST) * minutes / pieces


def _missing(
    differences: Mapping[Setting, Interval], minutes: float, *, comparisons: int
) -> tuple[int | None, float]:
    """Return the minutes to the largest of TARGETS_POINTS that this audio cannot find, and that target."""
    for target in TARGETS_POINTS:
        needed = minutes_for(differences, minutes, target, comparisons=comparisons)
        rounded = next((each for each in MINUTES if each >= needed), None) or math.ceil(needed / 60) * 60
        if rounded > minutes:
            return rounded, target
    return None, TARGETS_POINTS[-1]


def _leader(against_off: Mapping[Setting, Interval]) -> Setting | None:
    points = {OFF: 0.0, **{each: found.points for each, found in against_off.items()}}
    least = min(points.values())
    first = [each for each, value in points.items() if value == least]
    return first[0] if len(first) == 1 else None


def _so_far(leader: Setting | None, against_off: Mapping[Setting, Interval], *, enough: bool) -> str:
    if leader is None:
        return "So far several are equally good."
    if leader == OFF:
        return "So far nothing is better than off."
    found = against_off[leader]
    text = f"So far {leader.name} has {-found.points:.1f} points fewer word errors than off"
    # The share of draws is as good as the pieces that are drawn from.
    return f"{text} ({found.below:.0%} of the draws agree)." if enough else f"{text}, by chance or not."


def _until_then(kept: Setting, harmful: tuple[Setting, ...]) -> str:
    return f" Until then take {OFF.name}." if kept in harmful else f" Until then keep {kept.name}."


def _warning(harmful: tuple[Setting, ...]) -> str:
    if not harmful:
        return ""
    return f" Worse than off beyond chance: {', '.join(each.name for each in harmful)}."


def _alike(differences: Mapping[Setting, Interval]) -> bool:
    return _pieces(differences) >= ALIKE_PIECES and all(
        each.low >= -ALIKE_POINTS and each.high <= ALIKE_POINTS for each in differences.values()
    )


def _pieces(differences: Mapping[Setting, Interval]) -> int:
    """Return what all rest on."""
    if not differences:
        raise ValueError("no setting to compare with off")
    return next(iter(differences.values())).pieces


def _points(points: float) -> str:
    return f"{points:g} point" if points == 1 else f"{points:g} points"


def _much(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.0f} minutes"


def _time(minutes: int) -> str:
    return f"{minutes} minute" if minutes == 1 else f"{minutes} minutes"


def _many(pieces: int) -> str:
    return "piece" if pieces == 1 else "pieces"
