"""Core: what a person should be told of a source's sound: only zeros, clipping, far too quiet.

A verdict is told once when it begins and once when it is over. What ends it is more than the lack of what
began it, and one that comes again and again takes longer each time, so that none flaps. Time is counted in
samples.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from heard.capture.windows import WINDOWS_S, Window
from heard.meters import dbfs

Name = Literal["digital-silence", "clipping", "too-quiet"]

ZEROS_S = 1.5
"""Only zeros for so long are no room: the quietest microphone has noise."""
SOUND_S = 0.3
"""So much sound in a row ends that."""

FULL_SCALE = 32735
"""A sample from here on (0.999 of full scale) is at the end of the range."""
CLIPPED_IN_WINDOW = 8
"""So many of them in a tenth of a second are cut off; an unclipped voice just reaches full scale."""
CLIPPED_WINDOWS = 5
CLIPPING_S = 10.0
"""Of so much audio so many windows are clipped; over once none is."""

QUIET_DBFS = -65.0
"""Where nothing is louder for QUIET_S, and nothing was loud before, the gain is wrong, or the plug."""
QUIET_S = 10.0
FAINT_DBFS = -50.0
"""What rises above the background by SPREAD_DB, and no louder than this for FAINT_S, is speech too faint."""
FAINT_S = 15.0
SPREAD_DB = 12.0
EASE_DB = 6.0
"""It must be so much louder until it is not too quiet any more."""
LOUD_DBFS = -40.0
"""Whoever was so loud was heard well: then silence is just silence, for a while."""
LOUD, BACKGROUND = 0.95, 0.2
"""Quantiles of the windows' levels."""
FAINT_PROOF_S = 60.0
QUIET_PROOF_S = 600.0
JUDGED_EVERY = WINDOWS_S

PATIENT_TIMES = 3
LONGEST_PATIENCE_S = 60.0
FORGIVEN_S = 300.0
"""What was over for so long begins as quickly as the first time."""

CAUSES: dict[tuple[Name, bool], str] = {
    ("digital-silence", False): "only zeros: the microphone is switched off, or muted in the sound settings",
    ("digital-silence", True): "only zeros: nothing is playing there",
    ("clipping", False): "loud sounds are cut off: turn the microphone's level down",
    ("clipping", True): "loud sounds are cut off: turn the volume of what is playing down",
    ("too-quiet", False): "far too quiet: turn the microphone's level up, or move it closer",
    ("too-quiet", True): "far too quiet: turn the volume of what is playing up",
}
"""What to tell a person, for a microphone and for a monitor."""


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict begins, or is over; `detail` is for a person."""

    name: Name
    begins: bool
    detail: str


@dataclass(slots=True)
class _Held:
    """One verdict: whether it holds, and how long what it says must have been so until it begins."""

    least_s: float
    holds: bool = False
    times: int = 0
    """How often it was over, each time soon after the last."""
    over_at: float = 0.0

    def wanted_s(self, now_s: float) -> float:
        """Return for how long: from PATIENT_TIMES times on twice as long each time."""
        if now_s - self.over_at >= FORGIVEN_S:
            self.times = 0
        doubled = self.least_s * float(2 ** max(0, self.times - PATIENT_TIMES + 1))
        return max(self.least_s, min(doubled, LONGEST_PATIENCE_S))

    def turn(self, now_s: float) -> None:
        """Begin, or be over."""
        if self.holds:
            self.over_at = now_s
            self.times += 1
        self.holds = not self.holds


def _fresh() -> dict[Name, _Held]:
    return {
        "digital-silence": _Held(ZEROS_S),
        "clipping": _Held(CLIPPED_WINDOWS / WINDOWS_S),
        "too-quiet": _Held(QUIET_S),
    }


@dataclass(slots=True)
class Verdicts:
    """The verdicts on one source. `monitor`: it is an output's sound, for which silence is nothing odd."""

    monitor: bool = False
    _held: dict[Name, _Held] = field(default_factory=_fresh)
    _now_s: float = 0.0
    _zeros: int = 0
    _sound: int = 0
    _clipped: deque[bool] = field(default_factory=lambda: deque(maxlen=round(CLIPPING_S * WINDOWS_S)))
    _levels: deque[float] = field(default_factory=lambda: deque(maxlen=round(FAINT_S * WINDOWS_S)))
    _loud_at: float | None = None
    _windows: int = 0
    _quiet_since: float | None = None

    @property
    def names(self) -> list[str]:
        """What holds now."""
        return [name for name, held in self._held.items() if held.holds]

    def forget(self) -> None:
        """Begin anew: the sound was interrupted, and with that every verdict is over."""
        for held in self._held.values():
            if held.holds:
                held.turn(self._now_s)
        self._zeros = self._sound = 0
        self._clipped.clear()
        self._levels.clear()
        self._loud_at = self._quiet_since = None

    def hear(self, window: Window) -> list[Change]:
        """Take in the next window; return what begins or is over with it."""
        self._now_s += 1 / WINDOWS_S
        self._windows += 1
        peak = max(float(window.max()), -float(window.min()))
        sound = peak > 0
        self._zeros = 0 if sound else self._zeros + 1
        self._sound = self._sound + 1 if sound else 0
        # Most windows are far from it, and need no count.
        at_the_end = 0 if peak < FULL_SCALE else int(np.count_nonzero(np.abs(window) >= FULL_SCALE))
        self._clipped.append(at_the_end >= CLIPPED_IN_WINDOW)
        level = dbfs(math.sqrt(float(np.dot(window, window)) / len(window)) / 32768)
        self._levels.append(level)
        if level >= LOUD_DBFS:
            self._loud_at = self._now_s
        found = [self._silence(), self._clipping()]
        if self._windows % JUDGED_EVERY == 0:
            found.append(self._quiet())
        return [change for change in found if change is not None]

    def _silence(self) -> Change | None:
        held = self._held["digital-silence"]
        wanted = SOUND_S if held.holds else held.wanted_s(self._now_s)
        if (self._sound if held.holds else self._zeros) < round(wanted * WINDOWS_S):
            return None
        return self._change("digital-silence")

    def _clipping(self) -> Change | None:
        held = self._held["clipping"]
        clipped = sum(self._clipped)
        if held.holds:
            return None if clipped else self._change("clipping")
        least = min(round(held.wanted_s(self._now_s) * WINDOWS_S), round(CLIPPING_S * WINDOWS_S))
        return self._change("clipping") if clipped >= least else None

    def _quiet(self) -> Change | None:
        held = self._held["too-quiet"]
        quiet = self._too_quiet(EASE_DB if held.holds else 0.0)
        if held.holds:
            return None if quiet else self._change("too-quiet")
        if not quiet:
            self._quiet_since = None
            return None
        if self._quiet_since is None:
            # It has been so for the time that was looked at.
            self._quiet_since = self._now_s - QUIET_S
        if self._now_s - self._quiet_since < held.wanted_s(self._now_s):
            return None
        return self._change("too-quiet")

    def _too_quiet(self, ease_db: float) -> bool:
        levels = np.array(self._levels)
        newest = levels[-round(QUIET_S * WINDOWS_S) :]
        if len(newest) < round(QUIET_S * WINDOWS_S):
            return False
        since_loud_s = QUIET_PROOF_S if self._loud_at is None else self._now_s - self._loud_at
        loudest = float(np.quantile(newest, LOUD))
        # Not a single sample but zero is another verdict's matter.
        quiet = dbfs(0.0) < loudest < QUIET_DBFS + ease_db and not self.monitor
        if quiet and since_loud_s >= QUIET_PROOF_S:
            return True
        loud, background = np.quantile(levels, (LOUD, BACKGROUND))
        faint = loud < FAINT_DBFS + ease_db and loud - background >= SPREAD_DB - ease_db / 2
        return bool(faint) and len(levels) == self._levels.maxlen and since_loud_s >= FAINT_PROOF_S

    def _change(self, name: Name) -> Change:
        held = self._held[name]
        held.turn(self._now_s)
        return Change(name, held.holds, CAUSES[name, self.monitor] if held.holds else "")
