"""A room's noise as it sounds: measured, kept in a WAV file, read again.

A profile is sound and not a spectrum, so that each backend takes from it what it needs. What is learned is
thus a recording of the room: only the daemon's user may read the file.
"""

from __future__ import annotations

import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.pcm import Pcm, to_float
from heard.denoise.snr import SILENT
from heard.meters import dbfs
from heard.settings import WORKING_RATE_HZ

TRACKED, LEARNED = "tracked", "learned"
"""What `source.denoise.noise` may be beside a path."""
LEAST_S, MOST_S = 0.5, 30.0


class ProfileError(Exception):
    """A noise profile that cannot be had or used; one line that says which, and what would be right."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Noise at the working rate, LEAST_S to MOST_S of it and not silent."""

    pcm: Pcm

    @property
    def samples(self) -> Samples:
        """The same as floating point."""
        return to_float(self.pcm)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / WORKING_RATE_HZ

    @property
    def noise_dbfs(self) -> float:
        """Its rms."""
        return round(dbfs(float(np.sqrt(np.mean(np.square(self.samples, dtype=np.float64))))), 1)

    def same(self, other: Profile | None) -> bool:
        """Say whether it is the same noise, sample by sample."""
        return other is not None and np.array_equal(self.pcm, other.pcm)


def checked(pcm: Pcm, what: str) -> Profile:
    """Return a profile of `pcm`; `what` names it in an error.

    Raises:
        ProfileError: it is too short or too long, or silent.
    """
    profile = Profile(pcm)
    if not LEAST_S <= profile.seconds <= MOST_S:
        long = f"{profile.seconds:.2f} s" if profile.seconds < LEAST_S else f"more than {MOST_S:g} s"
        raise ProfileError(f"{what}: {long} long; must be {LEAST_S:g} to {MOST_S:g} s")
    if float(np.mean(np.square(profile.samples, dtype=np.float64))) < SILENT:
        raise ProfileError(f"{what}: digital silence; must be noise of the room")
    return profile


def read(path: Path) -> Profile:
    """Return the profile in a WAV file.

    Raises:
        ProfileError: it cannot be read, or holds something else than 16-bit mono noise at the working rate.
    """
    try:
        if path.exists() and not path.is_file():
            raise ProfileError(f"{path}: must be a WAV file")
        with wave.open(os.fspath(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), 8 * file.getsampwidth())
            if form != (WORKING_RATE_HZ, 1, 16):
                found = f"{form[0]} Hz, {form[1]} channel{'s'[: form[1] > 1]}, {form[2]} bit"
                raise ProfileError(f"{path}: {found}; must be {WORKING_RATE_HZ} Hz, 1 channel, 16 bit")
            frames = file.readframes(round(MOST_S * WORKING_RATE_HZ) + 1)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be read: {error.strerror}") from error
    except (wave.Error, EOFError) as error:
        raise ProfileError(f"{path}: not a WAV file ({str(error) or 'it ends too soon'})") from error
    # A file that was cut off may end within a sample.
    whole = len(frames) // 2 * 2
    return checked(np.frombuffer(frames[:whole], "<i2").astype(np.int16), str(path))


def write(path: Path, profile: Profile) -> None:
    """Put a profile where it is kept, in one step; mode 0600.

    Raises:
        ProfileError: it cannot be written.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600, exist_ok=False)
        with wave.open(os.fspath(fresh), "wb") as file:
            file.setframerate(WORKING_RATE_HZ)
            file.setnchannels(1)
            file.setsampwidth(2)
            file.writeframes(profile.pcm.astype("<i2").tobytes())
        fresh.replace(path)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror}") from error


class Profiles:
    """Where the learned profiles are kept: below the state directory, one of each source."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / "noise"

    def path(self, source: str) -> Path:
        """Return the file of a source's learned profile."""
        return self._folder / f"{source}.wav"

    def load(self, source: str, noise: str) -> Profile | None:
        """Return the profile that a source's `denoise.noise` names, None for the tracked noise.

        Raises:
            ProfileError: there is none of that name, or it cannot be used.
        """
        if noise == TRACKED:
            return None
        if noise == LEARNED:
            path = self.path(source)
            if not path.exists():
                raise ProfileError(f"nothing was learned yet: heardctl learn-noise {source}")
            return read(path)
        if not noise.startswith("/"):
            raise ProfileError(f'must be "{TRACKED}", "{LEARNED}" or an absolute path, not {noise!r}')
        return read(Path(noise))


class Learning:
    """Noise that is being measured, from the samples as they were captured.

    Blocks captured before `since` (UTC) do not count: after a crash old sound is on its way for a while.
    """

    def __init__(self, samples: int, since: float = 0.0) -> None:
        self.since = since
        self._missing = samples
        self._pieces: list[Pcm] = []
        self.interrupted: str | None = None
        """Why no more will come, None while it may."""

    @property
    def complete(self) -> bool:
        """Whether all is there."""
        return self._missing == 0

    @property
    def pcm(self) -> Pcm:
        """What is there."""
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)

    def add(self, samples: Pcm) -> None:
        """Take in samples that follow."""
        if self._missing:
            self._pieces.append(samples[: self._missing].copy())
            self._missing -= len(self._pieces[-1])

    def interrupt(self, why: str) -> None:
        """Say that the source stops; what is complete stays so."""
        if not self.complete:
            self.interrupted = why
