"""A result, and what it is a result of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from heard.compare.grid import Setting

from .measures import Quality
from .mixes import Mix


@dataclass(frozen=True, slots=True)
class Key:
    """What a result is a result of; `version` is a digest of the code that made it."""

    mix: Mix
    setting: Setting
    engine: str
    version: str

    def text(self) -> str:
        """As it is compared."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mix.

    said       the recognizer's words
    errors     see `words.Counted`; likewise `uncut` and `words`
    audio_s    length of what was denoised; `compute_s` the CPU time that it took
    quality    None where the utterance is no clean reference, without noise, or not asked for
    """

    said: str
    errors: int
    uncut: int
    words: int
    audio_s: float
    compute_s: float
    quality: Quality | None
