"""Core: the settings that are put side by side, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

ADAPTIVE = "adaptive"


class SettingsError(Exception):
    """A list of settings that cannot be used; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A backend and its mix, 0 dry to 1 wet; `adaptive`: that much only where there is much noise."""

    backend: str
    mix: float
    adaptive: bool = False

    @property
    def name(self) -> str:
        """As people read it."""
        if self.backend == OFF.backend:
            return self.backend
        return f"{self.backend} {self.mix:g}{f' {ADAPTIVE}' if self.adaptive else ''}"

    @property
    def stem(self) -> str:
        """As a part of a file's name."""
        return self.name.replace(" ", "-")


OFF = Setting("off", 0.0)
"""What all others are compared with."""

DEFAULT = (
    OFF,
    Setting("noisereduce", 0.3),
    Setting("noisereduce", 1.0),
    Setting("gate", 0.3),
    Setting("deepfilter", 0.5),
)
MOST = 12
"""Settings at once: with each one more, more audio is needed to tell them apart."""


def parse(text: str, known: Collection[str], default_mix: Callable[[str], float]) -> tuple[Setting, ...]:
    """Return the settings that `text` lists, such as `gate,noisereduce:0.3:adaptive`; `off` goes first.

    A backend without a mix has that of `default_mix`.

    Raises:
        SettingsError: an unknown backend, a mix outside 0..1, a setting given twice, none beside `off`, too
            many.
    """
    found: list[Setting] = []
    for part in text.split(","):
        plain = part.strip().removesuffix(f":{ADAPTIVE}")
        adaptive = plain != part.strip()
        backend, colon, mix_text = plain.partition(":")
        if backend not in known:
            raise SettingsError(f"{part.strip()!r}: the backend must be one of {', '.join(sorted(known))}")
        if backend == OFF.backend:
            if colon or adaptive:
                raise SettingsError(f"{part.strip()!r}: {OFF.backend} has no mix")
            setting = OFF
        else:
            mix = _mix(part.strip(), mix_text) if colon else default_mix(backend)
            setting = Setting(backend, mix, adaptive)
        if setting in found:
            raise SettingsError(f"{part.strip()!r}: is there twice")
        found.append(setting)
    return checked([OFF, *(each for each in found if each != OFF)])


def checked(settings: Sequence[Setting]) -> tuple[Setting, ...]:
    """Return `settings`, which must be as many as can be compared.

    Raises:
        SettingsError: only one, or more than MOST.
    """
    if len(settings) < 2:
        raise SettingsError("nothing to compare: name a setting beside off, such as noisereduce:0.3")
    if len(settings) > MOST:
        raise SettingsError(f"{len(settings)} settings: at most {MOST} can be told apart")
    return tuple(settings)


def _mix(part: str, text: str) -> float:
    try:
        mix = float(text)
    except ValueError:
        mix = math.nan
    if not 0 <= mix <= 1:
        raise SettingsError(f"{part!r}: the mix must be a number from 0 (dry) to 1 (fully denoised)")
    return mix
