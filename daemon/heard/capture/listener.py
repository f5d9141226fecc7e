"""`python -m heard.capture.listener`: holds one device and writes what it hears to stdout, for `capture`.

It ends with the device, or with `capture`: at the end of its stdin. Standard output carries
`heard.capture.listener_messages`. It loads neither NumPy nor anything else that takes time: a device that is
back must be heard soon.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from typing import Protocol

from heard import logs
from heard.capture.listener_messages import Audio, Kind, Lost, Message, Opened, pack
from heard.capture.lost import DEFAULT, InputLostError, MovedError
from heard.capture.priority import raise_priority
from heard.capture.pulse import FRAGMENT_S, NoServerError, PulseSource, Recording, Server

ANSWER_S = 1.5
"""A sound server that takes longer to answer is hung."""
BEGIN_S = 4.0
"""… or to begin a stream: an idle one may have prepared two seconds of silence."""
WAIT_S = 0.1
SUSPENDED_S = 0.5
"""A source that is suspended for longer is not just being woken for us."""
SETTLE_S = 0.1
BURST = 3.0
"""What comes so much faster than real time within SETTLE_S is a burst, which is waited for to its end."""
MOVED_EVERY_S = 0.5
MOVED_LIMIT_S = 0.3
"""How often, and for how long at most, a sound server is asked if it moved us …"""
LOOKS = 10
"""… and how often before it is taken to have nothing to do with us."""
DEFAULT_EVERY_S = 0.5
"""How often it is asked which source is the default."""


class Device(Protocol):
    """An open device."""

    opened: Opened

    def read(self) -> list[Audio]:
        """Return what has come, after a short wait at most.

        Raises:
            InputLostError: it is gone.
        """


class PulseDevice:
    """A source of the sound server; "default" is the one that is the default, for as long as it is.

    Raises:
        NoServerError: there is no sound server, or none of its sources has that name.
        InputLostError: it cannot be opened.
    """

    def __init__(self, wanted: str, rate_hz: int) -> None:
        self._server = Server(ANSWER_S)
        self._follows = wanted == DEFAULT
        source = found(wanted, self._server)
        self._recording: Recording = self._server.record(source, rate_hz or source.rate_hz, BEGIN_S)
        self._frame_bytes = 2 * source.channels
        self._least = int(FRAGMENT_S * self._recording.rate_hz)
        self._frame = 0
        self._heard_at = time.monotonic()
        self._ask_at = self._heard_at + DEFAULT_EVERY_S
        kind: Kind = "monitor" if source.monitor else "input"
        self.opened = Opened(source.name, kind, "pulse", self._recording.rate_hz, source.channels)

    def read(self) -> list[Audio]:
        """See `Device`."""
        recording = self._recording
        self._follow()
        pieces: list[tuple[bytes, int]] = []
        frames, until = 0, time.monotonic() + WAIT_S
        # The server cuts what it sends where its own memory ends, which may be anywhere.
        while frames < self._least and (left := until - time.monotonic()) > 0:
            pieces += recording.read(left)
            frames = sum(len(data) for data, _ in pieces) // self._frame_bytes
        if not pieces:
            if recording.suspended and time.monotonic() - self._heard_at >= SUSPENDED_S:
                raise InputLostError(f"{recording.source.name}: the sound server has suspended it")
            return []
        self._heard_at = time.monotonic()
        at = time.monotonic() - (frames + recording.waiting) / recording.rate_hz
        pcm = b"".join(data for data, _ in pieces)
        audio = Audio(pcm, self._frame, at, missing=sum(missing for _, missing in pieces))
        self._frame += frames
        return [audio]

    def _follow(self) -> None:
        now, ours = time.monotonic(), self._recording.source.name
        if self._follows and now >= self._ask_at:
            self._ask_at = now + DEFAULT_EVERY_S
            name = self._server.default_source(ANSWER_S)
            # While nothing is the default, ours is as good as any.
            if name not in ("", ours):
                raise MovedError(f"{ours} is not the default input any more: {name} is")


class StaysPut:
    """A device of PortAudio's that is lost once the sound server behind it moves its stream elsewhere.

    ALSA's plug-in for PulseAudio lets the server do that when the device goes away.
    """

    def __init__(self, device: Device) -> None:
        self.opened = device.opened
        self._device = device
        self._began_at: str | None = None
        self._server: Server | None = None
        self._looks_left = LOOKS
        # At once: a stream that is moved before the first look would seem to have begun there.
        self._look_at = 0.0

    def read(self) -> list[Audio]:
        """See `Device`."""
        if self._looks_left and time.monotonic() >= self._look_at:
            self._look()
            self._look_at = time.monotonic() + MOVED_EVERY_S
        return self._device.read()

    def _look(self) -> None:
        try:
            self._server = self._server or Server(MOVED_LIMIT_S)
            at = self._server.heard_by(os.getpid(), MOVED_LIMIT_S)
        except InputLostError:
            # What that means for the device shows there; a server that is merely slow is asked again.
            if self._server is not None:
                self._server.close()
                self._server = None
            at = None
        if at is None:
            # A device that no server has anything to do with is not asked about for ever.
            self._looks_left -= self._began_at is None
        elif self._began_at not in (None, at):
            why = f"{self.opened.label}: the sound server moved us from {self._began_at} to {at}"
            raise InputLostError(why)
        else:
            self._began_at = at


def beginning(device: Device) -> Audio:
    """Return what comes in the first moments as one piece, whose time is known by its end.

    A sound system that hung may deliver seconds of what is old in one burst: its first frames say nothing of
    their age, its last ones do.

    Raises:
        InputLostError: the device is gone again.
    """
    opened, pieces, usual = device.opened, list[Audio](), False
    frame_bytes = 2 * opened.channels
    while not usual:
        until, size = time.monotonic() + SETTLE_S, 0
        while time.monotonic() < until:
            came = device.read()
            size += sum(len(piece.pcm) for piece in came)
            pieces += came
        usual = 0 < size <= BURST * SETTLE_S * opened.rate_hz * frame_bytes
    first = pieces[0]
    at = min(piece.at - (piece.frame - first.frame) / opened.rate_hz for piece in pieces)
    lost = sum(piece.lost + piece.missing for piece in pieces)
    return Audio(b"".join(piece.pcm for piece in pieces), first.frame, at, lost)


def found(wanted: str, server: Server) -> PulseSource:
    """Return the source of that name.

    Raises:
        NoServerError: the server has none.
    """
    sources = {source.name: source for source in server.sources(ANSWER_S)}
    name = server.default_source(ANSWER_S) if wanted == DEFAULT else wanted
    if name in sources:
        return sources[name]
    names = ", ".join(map(repr, sources)) or "none"
    text = "the sound server has no default input" if wanted == DEFAULT else f"no input device {wanted!r}"
    raise NoServerError(f"{text}; there are: {names}")


def opened(asked: argparse.Namespace) -> Device:
    """Open the device that was asked for.

    Raises:
        InputLostError: it is not there, or cannot be opened.
    """
    refusal = ""
    if asked.system != "portaudio":
        try:
            return PulseDevice(asked.device, asked.rate_hz)
        except NoServerError as error:
            refusal = str(error)
            if asked.system == "pulse":
                raise
    from heard.capture.portaudio import PortAudioDevice  # noqa: PLC0415  # its import may hang

    try:
        device = PortAudioDevice(
            asked.device, rate_hz=asked.rate_hz, channel=asked.channel, reads=asked.reads
        )
    except InputLostError as error:
        if "there are: " in refusal and "there are: " in str(error):
            # One list of all the names.
            names = refusal.partition("there are: ")[2]
            raise InputLostError(str(error) if names == "none" else f"{error}, {names}") from None
        raise
    return StaysPut(device)


def main() -> int:
    """Listen until the device is gone; return 0 where that was said."""
    parser = argparse.ArgumentParser(prog="python -m heard.capture.listener")
    parser.add_argument("--device", required=True)
    parser.add_argument("--rate-hz", type=int, default=0)
    parser.add_argument("--channel", type=int, default=1)
    parser.add_argument("--reads", choices=["auto", "callback", "blocking"], default="auto")
    parser.add_argument("--system", choices=["any", "pulse", "portaudio"], default="any")
    asked = parser.parse_args()
    logs.set_up("capture")
    # Capture alone decides: signals to the terminal's or the service's group are not for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_capture, name="lifeline", daemon=True).start()
    try:
        raise_priority()
        device = opened(asked)
        _say(device.opened)
        _say(beginning(device))
        while True:
            for audio in device.read():
                _say(audio)
    except InputLostError as error:
        _say(Lost(str(error), moved=isinstance(error, MovedError)))
    except BrokenPipeError:
        return 1
    return 0


def _say(message: Message) -> None:
    data = memoryview(pack(message))
    while data:
        data = data[os.write(1, data) :]


def _end_with_capture() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


assert FRAGMENT_S < WAIT_S, "a wait must be longer than what comes at once takes"

if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # An orderly exit would end PortAudio, which hangs for as long as the sound server does.
    os._exit(status)
