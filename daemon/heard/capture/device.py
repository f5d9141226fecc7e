"""The input `device`: a PortAudio stream, its clock, and the signs that it is gone."""

from __future__ import annotations

from heard.capture.clock import DeviceClock
from heard.capture.convert import Converter
from heard.capture.fifo import Piece
from heard.capture.portaudio import Calls, Reads, Stream
from heard.capture.record import Place
from heard.capture.source import Heard, InputLostError, Now
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

    def __init__(self, source: Source, calls: Calls, *, reads: Reads, stall_s: float) -> None:
        self._source = source
        self._calls = calls
        self._reads = reads
        self._stall_s = stall_s
        self._stream: Stream | None = None
        self._clock = DeviceClock(WORKING_RATE_HZ)
        self._converter = Converter(WORKING_RATE_HZ, 1)
        self._produced = 0
        self._silent_s = 0.0
        self._looked = 0.0
        self._utc_offset = 0.0
        self._clipped = 0
        self.rate_hz = 0

    @property
    def label(self) -> str:
        """The device's name."""
        return self._source.device

    @property
    def opening(self) -> bool:
        """Whether the stream was asked for and has delivered nothing yet."""
        return self._stream is not None and self._produced == 0

    @property
    def clipped(self) -> int:
        """Samples that did not fit 16 bits; only mixing and resampling make them."""
        return self._clipped + self._converter.clipped

    def start(self, now: Now) -> None:
        """Ask for the stream; it opens in the background."""
        self.stop()
        source = self._source
        self._stream = Stream(
            self._calls, source.device, rate_hz=source.rate_hz, channel=source.channel, reads=self._reads
        )
        self.rate_hz = 0
        self._produced = 0
        self._silent_s = 0.0
        self._looked = now.mono
        self._utc_offset = now.utc - now.mono

    def read(self, now: Now, room: int) -> list[Heard]:  # noqa: ARG002  # a device cannot wait
        """Return what the device delivered since; see `Input.read`."""
        stream = self._stream
        if stream is None:
            return []
        if stream.error is not None:
            raise InputLostError(stream.error)
        self._keep_time(now)
        if stream.fifo is None:
            if self._silent_s >= OPEN_S:
                # What becomes of the call that hangs is the process's business: it blocks every device.
                raise InputLostError(f"{self.label}: the sound system does not answer")
            return []
        if not self.rate_hz:
            self.rate_hz = stream.rate_hz
            self._clipped += self._converter.clipped
            self._clock = DeviceClock(stream.rate_hz)
            self._converter = Converter(stream.rate_hz, self._source.channel)
            self._silent_s = 0.0
        heard = [self._heard(piece) for piece in stream.fifo.take()]
        if heard:
            self._silent_s = 0.0
        elif self._silent_s >= (self._stall_s if self._produced else OPEN_S):
            raise InputLostError(f"{self.label}: no audio for {round(self._silent_s * 1000)} ms")
        return [each for each in heard if len(each.pcm) or each.lost_s]

    def skip(self, now: Now) -> None:
        """Do nothing: the device is closed."""

    def stop(self) -> None:
        """Let go of the device."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _keep_time(self, now: Now) -> None:
        elapsed, self._looked = now.mono - self._looked, now.mono
        self._silent_s += min(elapsed, LONGEST_TICK_S)
        error = now.utc - now.mono - self._utc_offset
        if abs(error) > CLOCK_STEP_S:
            self._utc_offset += error
        else:
            self._utc_offset += error * min(elapsed, 1.0)

    def _heard(self, piece: Piece) -> Heard:
        lost_s = piece.lost / self.rate_hz
        if piece.lost:
            self._clock.skip(piece.lost)
        lost_s += max(0.0, self._clock.feed(piece.frame, piece.at, overrun=piece.overrun))
        pcm = self._converter.convert(piece.frames)
        time = self._clock.time_of(self._produced * self.rate_hz / WORKING_RATE_HZ) + self._utc_offset
        self._produced += len(pcm)
        return Heard(pcm, time, lost_s)
