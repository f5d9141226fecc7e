"""The input `file`: anything that libsndfile reads, at real-time pace or as fast as upstream allows."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
import soundfile

from heard.capture.convert import Converter, Frames, frame_of, warm_up
from heard.capture.lost import InputRefusedError
from heard.capture.record import Place
from heard.capture.ring import Samples
from heard.capture.source import Heard, Now
from heard.settings import WORKING_RATE_HZ, Source

log = logging.getLogger(__name__)

LONGEST_READ_S = 1.0
"""Seconds of audio read at once; what is late is caught up over several reads."""
SHORTEST_READ_S = 0.01
RATES_HZ = (1000, 768_000)
"""No sound has fewer samples a second, or more."""
PIECE = 4096
"""Frames asked of libsndfile at once."""


class _SoundFile(Protocol):
    """What is used of soundfile.SoundFile."""

    samplerate: int
    channels: int
    frames: int
    subtype: str

    def read(self, frames: int, dtype: str, *, always_2d: bool) -> Frames: ...
    def seek(self, frames: int) -> int: ...
    def close(self) -> None: ...


def open_sound(path: Path, channel: int) -> _SoundFile:
    """Open the file at `path`, which must hold audio and channel `channel`.

    Raises:
        InputRefusedError: it does not; the text is one line.
    """
    if not path.exists():
        raise InputRefusedError(f"{path}: no such file")
    if not path.is_file():
        raise InputRefusedError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputRefusedError(f"{path}: empty; anything that libsndfile reads would do")
    try:
        sound = cast("_SoundFile", soundfile.SoundFile(path))
        # What is cut off in its header may open and not be found again.
        sound.seek(0)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputRefusedError(f"{path}: cannot be read as audio: {_reason(error)}") from None
    if not RATES_HZ[0] <= sound.samplerate <= RATES_HZ[1]:
        sound.close()
        raise InputRefusedError(f"{path}: {sound.samplerate} samples a second: is damaged, or no sound")
    if sound.frames < 1:
        sound.close()
        raise InputRefusedError(f"{path}: holds no samples")
    if channel > sound.channels:
        sound.close()
        raise InputRefusedError(f"{path}: channel = {channel}: the file has {sound.channels}")
    return sound


class FileInput:
    """A file from its start, or from `place` on where a predecessor captured `captured` samples.

    Sample 0 has the time at which the source started, and each sample after it lies 1/16000 s later,
    whatever the pace and however often the process is restarted. While a file at real-time pace is
    muted its time goes on unheard; one at pace "fast" keeps its place.

    Raises:
        InputRefusedError: the file cannot be read.
    """

    goes_on = False
    kind: Literal["input", "monitor"] = "input"
    opened = ""
    opening = False

    def __init__(self, source: Source, place: Place, captured: int) -> None:
        self._path = Path(source.path)
        self._sound = open_sound(self._path, source.channel)
        self._channel = source.channel
        self._fast = source.pace == "fast"
        self._loop = source.loop
        self.rate_hz = int(self._sound.samplerate)
        self._kind = "int16" if self._sound.subtype == "PCM_16" else "float32"
        self._total = int(self._sound.frames)
        self._captured = captured
        self._place = place
        self._converter: Converter | None = None
        self._clipped = 0
        self._frame = 0
        self._pace_from = Now(0.0, 0.0)
        self.ended = False

    @property
    def label(self) -> str:
        """The file's path."""
        return str(self._path)

    @property
    def clipped(self) -> int:
        """Samples that did not fit 16 bits, and frames that were no number."""
        return self._clipped + (self._converter.clipped if self._converter else 0)

    @property
    def place(self) -> Place:
        """Where the stretch under way began."""
        return self._place

    def start(self, now: Now) -> None:
        """Begin to read, or go on; what is late by then is caught up."""
        if not self._place.time:
            self._begin(0, now.utc)
        self._pace_from = now
        self._resume()

    def read(self, now: Now, room: int) -> list[Heard]:
        """Return what is due at real-time pace, or up to `room` samples; see `Input.read`."""
        if self._converter is None or self.ended:
            return []
        frames = min(self._due(now, room), int(LONGEST_READ_S * self.rate_hz))
        if frames < SHORTEST_READ_S * self.rate_hz:
            return []
        got = self._frames(frames)
        self._frame += len(got)
        heard = self._heard(self._converter.convert(got))
        if len(got) < frames or self._frame >= self._total:
            heard += self._heard(self._converter.finish())
            if self._loop:
                self._begin(0, self._next_time)
                self._resume()
            else:
                self.stop()
                self.ended = True
        return heard

    def skip(self, now: Now) -> None:
        """Let the file's time go on to `now` unheard, at real-time pace."""
        if self._fast:
            return
        if not self._place.time:
            self._begin(0, now.utc)
        missed = int((now.utc - self._next_time) * self.rate_hz)
        if missed <= 0:
            return
        frame = self._place.frame + frame_of(self._captured - self._place.sample, self.rate_hz) + missed
        if frame >= self._total and not self._loop:
            self.ended = True
        self._begin(frame % self._total, self._next_time + missed / self.rate_hz)

    def stop(self) -> None:
        """Stop reading."""
        self._clipped, self._converter = self.clipped, None

    @property
    def _next_time(self) -> float:
        return self._place.time + (self._captured - self._place.sample) / WORKING_RATE_HZ

    def _due(self, now: Now, room: int) -> int:
        """Return how many frames to read: at real-time pace those that a device would have delivered."""
        if self._fast:
            return room * self.rate_hz // WORKING_RATE_HZ
        elapsed = self._pace_from.utc - self._place.time + now.mono - self._pace_from.mono
        return int(elapsed * self.rate_hz) - (self._frame - self._place.frame)

    def _frames(self, frames: int) -> Frames:
        """Return up to `frames` frames: fewer at the end, or where the file breaks off."""
        pieces = [np.empty((0, self._sound.channels), dtype=self._kind)]
        try:
            # A decoder that loses its way gives nothing at all for the read in which it does.
            while frames > 0 and len(
                piece := self._sound.read(min(frames, PIECE), self._kind, always_2d=True)
            ):
                pieces.append(piece)
                frames -= len(piece)
        except (soundfile.LibsndfileError, OSError) as error:
            log.error("%s: broken at %.1f s: %s", self._path, self._frame / self.rate_hz, _reason(error))
            self._loop = False
        return np.concatenate(pieces)

    def _heard(self, pcm: Samples) -> list[Heard]:
        if not len(pcm):
            return []
        heard = Heard(pcm, self._next_time)
        self._captured += len(pcm)
        return [heard]

    def _begin(self, frame: int, time: float) -> None:
        """Begin a stretch: the next sample is frame `frame`, captured at `time`."""
        self._place = Place(frame, self._captured, time)

    def _resume(self) -> None:
        """Go to where the next sample comes from, in the middle of a stretch as well."""
        self.stop()
        frame, discard = warm_up(self._captured - self._place.sample, self.rate_hz)
        self._frame = self._place.frame + frame
        try:
            self._sound.seek(min(self._frame, self._total))
        except (soundfile.LibsndfileError, OSError) as error:
            log.error("%s: broken at %.1f s: %s", self._path, self._frame / self.rate_hz, _reason(error))
            self.ended = True
            return
        self._converter = Converter(self.rate_hz, self._channel, discard=discard)


def _reason(error: BaseException) -> str:
    """Return libsndfile's words on one line, without the path that the caller says itself."""
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return " ".join(str(text).split()).rstrip(".")
