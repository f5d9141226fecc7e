"""Core: the questions that the benchmark was built for, answered with figures and no more than they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heard.compare.grid import Setting

from .intervals import Interval
from .mixes import LOOP
from .plan import PARTS
from .summary import GROUPS, NOISY, OFF, QUIET, SCOPES, Heard, chosen, compared, rows

DEFAULT, SHIPPED_NEURAL, THE_LOOP = (
    Setting("noisereduce", 0.3),
    Setting("deepfilter", 0.5),
    Setting(LOOP, 1.0),
)


FEWEST = 10
"""Utterances; with fewer a bootstrap knows too few ways in which it could have come out otherwise."""


@dataclass(frozen=True, slots=True)
class Question:
    """`one` against `other` in a group of SNRs.

    at_most  points that `one` may be worse by; negative: must be better by
    clear    the interval must lie wholly below 0; otherwise it must not lie wholly above
    """

    text: str
    one: Setting
    other: Setting
    group: str
    at_most: float
    clear: bool


QUESTIONS = (
    Question("the default within 0.5 point of off", DEFAULT, OFF, NOISY, 0.5, clear=False),
    Question("the default within 0.5 point of off", DEFAULT, OFF, QUIET, 0.5, clear=False),
    Question("the default better than the obvious loop", DEFAULT, THE_LOOP, NOISY, 0.0, clear=True),
    Question("the default better than the obvious loop", DEFAULT, THE_LOOP, QUIET, 0.0, clear=True),
    Question(
        "deepfilter 0.5 at least 2 points better than off", SHIPPED_NEURAL, OFF, NOISY, -2.0, clear=True
    ),
    Question("deepfilter 0.5 within 1 point of off", SHIPPED_NEURAL, OFF, QUIET, 1.0, clear=False),
)


def judged(question: Question, found: Interval) -> str:
    """Say what an interval says about a question: `yes`, `no`, or what of it cannot be told."""
    if found.utterances < FEWEST:
        return f"cannot be told from {found.utterances} utterances"
    if question.clear:
        if found.points <= question.at_most and found.points < 0:
            return "yes" if found.high < 0 else "by the figure; the interval is not clear of 0"
        return "no" if found.low > question.at_most else "not by the figure; the interval reaches it"
    if found.low > 0:
        return "no, worse beyond noise"
    if found.points > question.at_most:
        return "not by the figure; the interval holds 0"
    return "yes" if found.high <= question.at_most else "by the figure; the interval reaches further"


def answers(heard: Heard, settings: Sequence[Setting], *, seed: int) -> list[tuple[Question, str, Interval]]:
    """Return (question, part, interval) for all that were measured, for each part and for both."""
    found = []
    for question in QUESTIONS:
        if not {question.one, question.other} <= set(settings):
            continue
        for scope, parts in SCOPES.items():
            mixes = chosen(heard, parts, GROUPS[question.group])
            if mixes:
                interval = compared(heard, mixes, question.one, question.other, seed=seed)
                found.append((question, scope, interval))
    return found


def best(
    heard: Heard, settings: Sequence[Setting], *, seed: int
) -> tuple[Setting, Interval, Interval] | None:
    """Return the setting with the fewest errors at 0 to 10 dB in the development part, and what became of it.

    Both intervals are against `off`: where it was chosen, which flatters it, and in the confirmation part,
    which does not. None where a part has no mixes or nothing beats `off`.
    """
    noisy = [row for row in rows(heard, settings, seed=seed) if row.group == NOISY]
    by_part = {part: {row.setting: row for row in noisy if row.part == part} for part in PARTS}
    if not all(by_part.values()):
        return None
    leader = min(by_part[PARTS[0]].values(), key=lambda row: row.errors).setting
    chosen_on, confirmed_on = (by_part[part][leader].against for part in PARTS)
    return (leader, chosen_on, confirmed_on) if chosen_on and confirmed_on else None
