"""The input `device`: its listener, its clock, and the signs that it is gone."""

from __future__ import annotations

from typing import Literal, assert_never

import numpy as np

from heard.capture.clock import DeviceClock
from heard.capture.convert import Converter
from heard.capture.listener_messages import Audio, Kind, Lost, Opened, System
from heard.capture.listening import Listening
from heard.capture.lost import DEFAULT, InputLostError, MovedError
from heard.capture.record import Place
from heard.capture.source import Heard, Now
from heard.settings import WORKING_RATE_HZ, Source

OPEN_S = 5.0
"""A device that was opened and has delivered nothing for so long is lost."""
LONGEST_TICK_S = 0.1
"""Of the time between two reads no more counts as the device's silence: the rest was ours."""
CLOCK_STEP_S = 0.05
"""The system's clock was set, rather than slewed, when it moves by more."""


class DeviceInput:
    """A device by name. A stream that stops calling back is lost after `stall_s`."""

    goes_on = True
    ended = False
    place = Place()

    def __init__(
        self, source: Source, *, reads: Literal["auto", "callback", "blocking"], stall_s: float
    ) -> None:
        self._source = source
        self._reads = reads
        self._stall_s = stall_s
        self._listening: Listening | None = None
        self._ending: list[Listening] = []
        self._system: System | Literal["any"] = "any"
        """Who had the device when it was last heard: while a sound server is away, its microphone is too."""
        self._clock = DeviceClock(WORKING_RATE_HZ)
        self._converter = Converter(WORKING_RATE_HZ, 1)
        self._channels = 1
        self._produced = 0
        self._silent_s = 0.0
        self._looked = 0.0
        self._utc_offset = 0.0
        self._clipped = 0
        self.opened = ""
        self._why: InputLostError | None = None
        """Why it is lost; what was heard before that comes first."""
        self.rate_hz = 0
        self.kind: Kind = "input"

    @property
    def label(self) -> str:
        """The device's name; for "default" also which one that is, once it was heard."""
        named = self._source.device
        return f"{named} ({self.opened})" if named == DEFAULT and self.opened not in ("", named) else named

    @property
    def opening(self) -> bool:
        """Whether it was asked for and has delivered nothing yet."""
        return self._listening is not None and self._produced == 0

    @property
    def clipped(self) -> int:
        """Samples that did not fit 16 bits; only mixing and resampling make them."""
        return self._clipped + self._converter.clipped

    def start(self, now: Now) -> None:
        """Start a listener; it opens the device."""
        self.stop()
        source = self._source
        # A name that begins with a dash is a name all the same.
        words = [f"--device={source.device}", f"--rate-hz={source.rate_hz}", f"--channel={source.channel}"]
        self._listening = Listening([*words, f"--reads={self._reads}", f"--system={self._system}"])
        self._why = None
        self.rate_hz = 0
        self._produced = 0
        self._silent_s = 0.0
        self._looked = now.mono
        self._utc_offset = now.utc - now.mono

    def read(self, now: Now, room: int) -> list[Heard]:  # noqa: ARG002  # a device cannot wait
        """Return what the device delivered since; see `Input.read`."""
        listening = self._listening
        if listening is None:
            return []
        self._keep_time(now)
        if self._why is not None:
            raise self._why
        heard = []
        for message in listening.messages():
            match message:
                case Audio():
                    heard.append(self._heard(message))
                    self._silent_s = 0.0
                case Opened():
                    self._open(message)
                    self._silent_s = 0.0
                case Lost(why, moved):
                    self._why = MovedError(why) if moved else InputLostError(why)
                case never:
                    assert_never(never)
        if listening.ended and self._why is None:
            self._why = InputLostError(f"{self.label}: its listener ended unexpectedly; see the log")
        if self._why is not None:
            if not heard:
                raise self._why
        elif self._silent_s >= (self._stall_s if self._produced else OPEN_S):
            if not self.rate_hz:
                raise InputLostError(f"{self.label}: the sound system does not answer")
            raise InputLostError(f"{self.label}: no audio for {round(self._silent_s * 1000)} ms")
        return [each for each in heard if len(each.pcm) or each.lost_s]

    def skip(self, now: Now) -> None:
        """Do nothing: the device is closed."""

    def stop(self) -> None:
        """Let go of the device: whatever its listener hangs in, it is gone."""
        if self._listening is not None:
            self._listening.kill()
            self._ending.append(self._listening)
            self._listening = None
        # One that cannot be ended yet is asked again: nobody waits for it.
        self._ending = [each for each in self._ending if not each.gone]

    def _open(self, opened: Opened) -> None:
        self.opened, self.kind, self._system = opened.label, opened.kind, opened.system
        self.rate_hz, self._channels = opened.rate_hz, opened.channels
        self._clipped += self._converter.clipped
        self._clock = DeviceClock(opened.rate_hz)
        self._converter = Converter(opened.rate_hz, self._source.channel)

    def _keep_time(self, now: Now) -> None:
        elapsed, self._looked = now.mono - self._looked, now.mono
        self._silent_s += min(elapsed, LONGEST_TICK_S)
        error = now.utc - now.mono - self._utc_offset
        if abs(error) > CLOCK_STEP_S:
            self._utc_offset += error
        else:
            self._utc_offset += error * min(elapsed, 1.0)

    def _heard(self, audio: Audio) -> Heard:
        left_out = audio.lost + audio.missing
        lost_s = left_out / self.rate_hz
        if left_out:
            self._clock.skip(left_out)
        lost_s += max(0.0, self._clock.feed(audio.frame, audio.at, overrun=audio.overrun))
        frames = np.frombuffer(audio.pcm, dtype="<i2").reshape(-1, self._channels)
        pcm = self._converter.convert(frames)
        time = self._clock.time_of(self._produced * self.rate_hz / WORKING_RATE_HZ) + self._utc_offset
        self._produced += len(pcm)
        return Heard(pcm, time, lost_s)
