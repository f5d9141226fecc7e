"""All recordings through all settings and one recognizer, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heard.compare.bootstrap import Interval, paired
from heard.compare.grid import OFF, Setting
from heard.compare.majority import agreement, majority
from heard.compare.recording import Recording, write
from heard.compare.score import Piece, pieces, rate
from heard.compare.sound import Shades, lowered_db, spectrogram
from heard.compare.through import BackendFailedError, Through
from heard.compare.words import words_of
from heard.denoise.allocator import keep_freed_memory
from heard.denoise.pcm import Pcm
from heard.denoise.registry import Registry
from heard.settings import WORKING_RATE_HZ

Doing = Callable[[str], None]
"""Told what is begun; called once for each recording and setting."""
Hear = Callable[[Pcm], str]
"""A recognizer: the text of a recording."""


@dataclass(slots=True)
class Tried:
    """What one setting did, recording by recording.

    said       the recognizer's text
    lowered    by how much noise was lowered in dB, and how many seconds that holds for
    shades     the first recording's spectrogram
    kept       files with what came out
    """

    setting: Setting
    delay_ms: float
    said: list[str] = field(default_factory=list)
    compute_s: float = 0.0
    lowered: list[tuple[float, float]] = field(default_factory=list)
    shades: Shades | None = None
    kept: list[Path] = field(default_factory=list)

    @property
    def lowered_db(self) -> float | None:
        """By how much noise was lowered, on the mean over the time; None where there was none."""
        seconds = sum(each for _, each in self.lowered)
        return sum(db * each for db, each in self.lowered) / seconds if seconds else None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the words of all recordings say.

    truth        for each recording: the reference's words, or what most settings say
    rates        of each setting: words that are not those of `truth`, in percent; None where it has no words
    surely       the interval around each of `rates`, all together with 95 % confidence
    against_off  by how much the word error rate differs from that of `off`; intervals hold together. Empty
                 without references
    differs      how many of the words of `off` a setting has otherwise, in percent; intervals hold together.
                 Word error rates hardly differ by more. Empty where `off` has no words
    agreement    share of words that two settings have in common, shape (settings, settings)
    """

    truth: list[list[str]]
    rates: dict[Setting, float | None]
    surely: dict[Setting, Interval]
    against_off: dict[Setting, Interval]
    differs: dict[Setting, Interval]
    agreement: list[list[float]]

    @property
    def words(self) -> int:
        """How many there are in the truth."""
        return sum(map(len, self.truth))


def tried(
    recordings: Sequence[Recording],
    settings: Sequence[Setting],
    hear: Hear,
    registry: Registry,
    *,
    keep: Path | None,
    picture: tuple[int, int],
    doing: Doing,
) -> list[Tried]:
    """Run everything; `picture`: rows and columns of the spectrograms. What `hear` raises is not caught.

    Raises:
        BackendFailedError: a backend threw; says which setting's.
        OSError: audio could not be kept.
    """
    keep_freed_memory()  # as the stage does
    found = [
        Tried(each, 1000 * registry.get(each.backend).delay_samples / WORKING_RATE_HZ) for each in settings
    ]
    for recording in recordings:
        through = Through(recording.pcm, registry)
        for each in found:
            setting = each.setting
            doing(f"{setting.name}: {Path(recording.name).name}")
            try:
                result = through.denoised(setting)
            except BackendFailedError as error:
                raise BackendFailedError(f"{recording.name}: {error}") from error
            each.compute_s += result.compute_s
            if (lowered := lowered_db(recording.pcm, result.pcm)) is not None:
                each.lowered.append((lowered, recording.seconds))
            if each.shades is None:
                each.shades = spectrogram(result.pcm, *picture)
            if keep is not None:
                each.kept.append(keep / kept_name(recording, setting))
                write(each.kept[-1], result.pcm)
            each.said.append(hear(result.pcm))
    return found


def kept_name(recording: Recording, setting: Setting) -> str:
    """Return the name of the file with what a setting made of a recording."""
    return f"{recording.stem}.{setting.stem}.wav"


def counted(said: Mapping[Setting, Sequence[str]], references: Sequence[str], *, seed: int = 0) -> Counted:
    """Count words: `said` has a text for each setting and recording, `off` among them.

    `references`: a text for each recording, or none at all.
    """
    heard = {setting: [words_of(text) for text in texts] for setting, texts in said.items()}
    if references:
        truth = [words_of(text) for text in references]
    else:
        truth = [majority(readings) for readings in zip(*heard.values(), strict=True)]
    found = {setting: _pieces(truth, texts) for setting, texts in heard.items()}
    from_off = {setting: _pieces(heard[OFF], texts) for setting, texts in heard.items()}
    return Counted(
        truth,
        {setting: rate(each) if each else None for setting, each in found.items()},
        _around(found, seed),
        _against_off(found, seed) if references else {},
        _against_off(from_off, seed),
        [
            [agreement(list(zip(one, other, strict=True))) for other in heard.values()]
            for one in heard.values()
        ],
    )


def _around(found: Mapping[Setting, Sequence[Piece]], seed: int) -> dict[Setting, Interval]:
    return {
        setting: paired(
            [piece.errors for piece in each],
            [piece.words for piece in each],
            comparisons=len(found),
            seed=seed,
        )
        for setting, each in found.items()
        if each
    }


def _pieces(truth: Sequence[Sequence[str]], texts: Sequence[Sequence[str]]) -> list[Piece]:
    """Return the pieces of all recordings."""
    return [piece for one, other in zip(truth, texts, strict=True) for piece in pieces(one, other)]


def _against_off(found: Mapping[Setting, Sequence[Piece]], seed: int) -> dict[Setting, Interval]:
    plain = found[OFF]
    if not plain:
        return {}
    return {
        setting: paired(
            [one.errors - other.errors for one, other in zip(each, plain, strict=True)],
            [piece.words for piece in plain],
            comparisons=len(found) - 1,
            seed=seed,
        )
        for setting, each in found.items()
        if setting != OFF
    }
