"""The input `stdin`: raw s16le mono on the process's own standard input."""

from __future__ import annotations

import array
import fcntl
import logging
import os
import select
import stat
import termios
from dataclasses import replace
from typing import Literal

import numpy as np

from heard.capture.convert import Converter, Frames, warm_up
from heard.capture.lost import InputRefusedError
from heard.capture.record import Place
from heard.capture.ring import Samples
from heard.capture.source import Heard, Now
from heard.settings import WORKING_RATE_HZ, Source

log = logging.getLogger(__name__)

BYTES_PER_FRAME = 2
LONGEST_READ_BYTES = 1 << 16
"""What a pipe holds."""
HIGHEST_RATE_HZ = 192000
"""The ring's record has room for what a resampler looks back at, up to this rate."""
STARVED_S = 0.25
"""A producer that delivers nothing for so long has paused: its next sample is new, and not late."""
LONGEST_TICK_S = 0.05
"""Of the time between two reads no more counts as the producer's pause: the rest was ours."""


class StdinInput:
    """Descriptor `descriptor`, read without waiting and in whole samples, until its end.

    A live producer is read as it delivers, but never faster than real time overall unless the pace
    is "fast". What was read and gave no sample yet is kept in `place`, so a successor goes on at the
    next unread sample. While muted, what a live producer delivers is read and thrown away.

    Raises:
        InputRefusedError: there is no such descriptor, or its rate is too high.
    """

    goes_on = False
    kind: Literal["input", "monitor"] = "input"
    opened = ""
    opening = False
    label = "stdin"

    def __init__(self, source: Source, place: Place, captured: int, descriptor: int = 0) -> None:
        self.rate_hz = source.rate_hz or WORKING_RATE_HZ
        if self.rate_hz > HIGHEST_RATE_HZ:
            raise InputRefusedError(f"stdin: rate_hz = {self.rate_hz}: at most {HIGHEST_RATE_HZ} is read raw")
        try:
            self._plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        except OSError:
            raise InputRefusedError("stdin: closed; pipe raw s16le into it") from None
        self._descriptor = descriptor
        self._fast = source.pace == "fast"
        self._captured = captured
        self._place = place
        self._skipped = False
        self._converter: Converter | None = None
        self._clipped = 0
        self._history = bytearray()
        self._history_from = 0
        self._ready: list[Heard] = []
        self._starved_s = 0.0
        self._looked = 0.0
        self._pace_from = Now(0.0, 0.0)
        self.ended = False

    @property
    def clipped(self) -> int:
        """Samples that did not fit 16 bits; only resampling makes them."""
        return self._clipped + (self._converter.clipped if self._converter else 0)

    @property
    def place(self) -> Place:
        """Where the stretch began, and what was read without giving a sample yet."""
        return self._place

    def start(self, now: Now) -> None:
        """Begin to read, or go on."""
        if self._skipped or not self._place.time:
            self._place = Place(0, self._captured, now.utc)
            self._starved_s = STARVED_S
        self._skipped = False
        self._pace_from, self._looked = now, now.mono
        frame, discard = warm_up(self._captured - self._place.sample, self.rate_hz)
        self._converter = Converter(self.rate_hz, 1, discard=discard)
        self._history, self._history_from = bytearray(self._place.tail), frame
        # What a predecessor read last gave it no sample; it fills the new resampler.
        self._ready = self._heard(self._converter.convert(_frames(self._history)))

    def read(self, now: Now, room: int) -> list[Heard]:
        """Return what was delivered, as far as the pace allows; see `Input.read`."""
        if self._converter is None or self.ended:
            return []
        heard, self._ready = self._ready, []
        due = self._due(now, room)
        if due <= 0:
            return heard
        data = self._take(min(due * BYTES_PER_FRAME, LONGEST_READ_BYTES))
        self._note_pause(now, len(data))
        self._history += data
        if data:
            heard += self._heard(self._converter.convert(_frames(data)))
        if self.ended:
            heard += self._heard(self._converter.finish())
        self._remember()
        return heard

    def skip(self, now: Now) -> None:  # noqa: ARG002  # a producer's time goes by itself
        """Throw away what a live producer delivered."""
        if self._fast:
            return
        self._skipped = True
        self._take(LONGEST_READ_BYTES)

    def stop(self) -> None:
        """Stop reading."""
        self._clipped, self._converter = self.clipped, None

    def _due(self, now: Now, room: int) -> int:
        """Return how many frames may be read."""
        if self._fast:
            return room * self.rate_hz // WORKING_RATE_HZ
        elapsed = self._pace_from.utc - self._place.time + now.mono - self._pace_from.mono
        return int(elapsed * self.rate_hz) - self._read_frames

    @property
    def _read_frames(self) -> int:
        return self._history_from + len(self._history) // BYTES_PER_FRAME

    def _note_pause(self, now: Now, size: int) -> None:
        """Move the time of what comes next where the producer paused, so that it is not old at once."""
        elapsed, self._looked = now.mono - self._looked, now.mono
        if not size:
            self._starved_s += min(elapsed, LONGEST_TICK_S)
            return
        if self._starved_s >= STARVED_S and not self._fast:
            late = self._due(now, 0) - size // BYTES_PER_FRAME
            self._place = replace(self._place, time=self._place.time + max(late, 0) / self.rate_hz)
        self._starved_s = 0.0

    def _take(self, most: int) -> bytes:
        """Return up to `most` bytes, whole samples; sets `ended` at the end."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            return b""
        waiting = self._waiting()
        if waiting == 1 and not self._plain and not self._hung_up():
            # The producer is in the middle of a sample: what is not read keeps its place in the pipe.
            return b""
        data = os.read(self._descriptor, min(most, max(waiting - waiting % BYTES_PER_FRAME, 1)))
        if not data:
            self.ended = True
        elif len(data) % BYTES_PER_FRAME:
            log.warning("stdin: ends in the middle of a sample: one byte is left out")
            data = data[:-1]
        return data

    def _waiting(self) -> int:
        """Return how many bytes can be read without waiting; any number where nobody can say."""
        count = array.array("i", [0])
        try:
            fcntl.ioctl(self._descriptor, termios.FIONREAD, count)
        except OSError:
            return LONGEST_READ_BYTES
        return count[0]

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def _heard(self, pcm: Samples) -> list[Heard]:
        if not len(pcm):
            return []
        time = self._place.time + (self._captured - self._place.sample) / WORKING_RATE_HZ
        self._captured += len(pcm)
        return [Heard(pcm, time)]

    def _remember(self) -> None:
        """Keep in `place` what a successor needs to go on."""
        frame, _ = warm_up(self._captured - self._place.sample, self.rate_hz)
        del self._history[: (frame - self._history_from) * BYTES_PER_FRAME]
        self._history_from = frame
        self._place = replace(self._place, tail=bytes(self._history))


def _frames(data: bytes | bytearray) -> Frames:
    return np.frombuffer(bytes(data), dtype="<i2").reshape(-1, 1)
