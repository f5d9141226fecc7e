"""PortAudio through sounddevice: the inputs there are, and a stream of one of them.

Calls into PortAudio may hang for as long as a sound server hangs, the import included (it initialises the
library), and what was plugged in since then is not listed. So only processes that may be killed import this:
`listener`, one for each device, and `devices`.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from heard.capture.listener_messages import Audio, Opened
from heard.capture.lost import InputLostError

log = logging.getLogger(__name__)

Reads = Literal["auto", "callback", "blocking"]

BLOCK_S = 0.01
"""Frames that PortAudio is asked to hand over at once."""
LATENCY_S = 0.1
"""Buffer that PortAudio is asked to keep below us; frames wait there when we are late, not otherwise."""
QUEUE_S = 4.0
"""Audio that may wait for its reader; more is lost, and counted."""
WAIT_S = 0.1
LONGEST_LATENCY_S = 2.0
"""A device that claims a longer input latency is not believed."""
MANY_CHANNELS = 8
"""More than these is a plug-in that takes any number; it is mixed down from two."""

LIBRARY_MISSING = ("not found", "libportaudio")
"""One of these is in the error of sounddevice, or of the loader, where the library is not there."""
INSTALL = "PortAudio is not installed: apt install libportaudio2"

_NOISE = (
    "ALSA lib",
    "Cannot connect to server",
    "jack server is not",
    "JackShm",
    "Expression '",
    "attempt to",
)
"""How lines begin that the libraries below PortAudio print while they look for devices."""


@dataclass(frozen=True, slots=True)
class Device:
    """An input that PortAudio lists, by the name that `device =` accepts."""

    name: str
    kind: Literal["input", "monitor"]
    channels: int
    default_rate_hz: int
    default: bool
    index: int
    """PortAudio's own number, until the next initialisation."""


class _Time(Protocol):
    """PaStreamCallbackTimeInfo, seconds on PortAudio's own clock."""

    inputBufferAdcTime: float  # noqa: N815  # PortAudio's names
    currentTime: float  # noqa: N815


class _Flags(Protocol):
    input_overflow: bool


class _RawStream(Protocol):
    """What is used of sounddevice.RawInputStream."""

    read_available: int
    latency: float

    def start(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...
    def read(self, frames: int) -> tuple[memoryview, bool]: ...


class _Default(Protocol):
    device: tuple[int, int]


class _Library(Protocol):
    """What is used of sounddevice, which ships no types."""

    default: _Default
    RawInputStream: Callable[..., _RawStream]

    def query_hostapis(self) -> Sequence[Mapping[str, str | int]]: ...
    def query_devices(self) -> Sequence[Mapping[str, str | int | float]]: ...


class PortAudioDevice:
    """A device as PortAudio lists it, opened.

    reads  "callback", "blocking", or "auto": callbacks, and reads where those are forbidden

    Raises:
        InputLostError: it is not there, or cannot be opened.
    """

    def __init__(self, wanted: str, *, rate_hz: int, channel: int, reads: Reads) -> None:
        self._wanted = wanted
        self._waiting: queue.SimpleQueue[Audio] = queue.SimpleQueue()
        self._passed = self._lost = 0
        """Frames that were passed on, and that were left out for want of room since."""
        self._put = self._taken = 0
        """Bytes."""
        try:
            device = find(wanted, inputs())
            self._rate_hz = rate_hz or device.default_rate_hz
            channels = wanted_channels(channel, device)
            stream = None if reads == "blocking" else self._with_callback(device.index, channels, reads)
            self._reads_itself = stream is None
            self._stream = stream or _raw_stream(device.index, self._rate_hz, channels, None)
            self._stream.start()
        except InputLostError:
            raise
        except Exception as error:  # noqa: BLE001  # PortAudioError, and what its host APIs raise: all mean lost
            raise InputLostError(f"{wanted}: {one_line(error)}") from None
        self.opened = Opened(device.name, device.kind, "portaudio", self._rate_hz, channels)

    def read(self) -> list[Audio]:
        """Return what has come, after a short wait at most.

        Raises:
            InputLostError: the device is gone.
        """
        if self._reads_itself:
            return [self._read()]
        found: list[Audio] = []
        with suppress(queue.Empty):
            found.append(self._waiting.get(timeout=WAIT_S))
            while True:
                found.append(self._waiting.get_nowait())
        self._taken += sum(len(audio.pcm) for audio in found)
        return found

    def _read(self) -> Audio:
        frames = max(1, int(BLOCK_S * self._rate_hz))
        try:
            data, overrun = self._stream.read(frames)
            behind = frames + self._stream.read_available
        except Exception as error:  # noqa: BLE001  # whatever PortAudio raises, the device is gone
            raise InputLostError(f"{self._wanted}: {one_line(error)}") from None
        at = time.monotonic() - behind / self._rate_hz
        audio = Audio(bytes(data), self._passed, at, overrun=overrun)
        self._passed += frames
        return audio

    def _with_callback(self, index: int, channels: int, reads: Reads) -> _RawStream | None:
        rate_hz = self._rate_hz
        most_bytes = int(QUEUE_S * rate_hz) * channels * 2

        def copy(data: object, frames: int, at: _Time, status: _Flags) -> None:
            # The buffer's age on PortAudio's clock; some host APIs leave the times at zero.
            age = at.currentTime - at.inputBufferAdcTime
            if not 0 < age < LONGEST_LATENCY_S or not at.inputBufferAdcTime:
                age = frames / rate_hz
            if self._put - self._taken > most_bytes:
                self._lost += frames
                return
            overrun = bool(status.input_overflow)
            captured = time.monotonic() - age
            pcm = bytes(memoryview(data))  # type: ignore[arg-type]  # a cffi buffer
            self._put += len(pcm)
            self._waiting.put(Audio(pcm, self._passed, captured, self._lost, overrun=overrun))
            self._passed, self._lost = self._passed + frames, 0

        try:
            return _raw_stream(index, rate_hz, channels, copy)
        except (MemoryError, PermissionError, SystemError) as error:
            # cffi needs memory that can be written and executed for a callback; a hardened service
            # (MemoryDenyWriteExecute) has none.
            if reads == "callback":
                raise InputLostError(
                    f"{self._wanted}: callbacks are forbidden here ({one_line(error)}): "
                    'set capture.reads = "auto"'
                ) from None
            log.info("%s: callbacks are forbidden here, reading instead", self._wanted)
            return None


def wanted_channels(channel: int, device: Device) -> int:
    """Return how many channels to open for channel `channel` (from 1; 0 means all).

    Raises:
        InputLostError: the device has fewer.
    """
    if channel > device.channels:
        raise InputLostError(f"{device.name}: channel = {channel}: the device has {device.channels}")
    if channel:
        return channel
    return 2 if device.channels > MANY_CHANNELS else device.channels


def find(name: str, devices: list[Device]) -> Device:
    """Return the device called `name`, or the default one for "default" where none is called so.

    Raises:
        InputLostError: there is none; the text lists those that exist.
    """
    for device in devices:
        if device.name == name:
            return device
    if name == "default":
        for device in devices:
            if device.default:
                return device
    names = ", ".join(repr(device.name) for device in devices) or "none"
    raise InputLostError(f"no input device {name!r}; there are: {names}")


def inputs() -> list[Device]:
    """Return the inputs as they were at the last initialisation; may hang.

    A name that several host APIs use has the API's name behind it from the second on.

    Raises:
        InputLostError: PortAudio is not installed.
    """
    sounddevice = _sounddevice()
    apis = sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    if default < 0 and apis:
        default = int(apis[0]["default_input_device"])
    found: dict[str, Device] = {}
    for index, info in enumerate(sounddevice.query_devices()):
        if int(info["max_input_channels"]) < 1:
            continue
        name = str(info["name"])
        if name in found:
            name = f"{name}, {apis[int(info['hostapi'])]['name']}"
        monitor = name.startswith("Monitor of ") or ".monitor" in name
        found[name] = Device(
            name=name,
            kind="monitor" if monitor else "input",
            channels=int(info["max_input_channels"]),
            default_rate_hz=int(info["default_samplerate"]),
            default=index == default,
            index=index,
        )
    return list(found.values())


def one_line(error: BaseException) -> str:
    """Return the text of an error, or its kind, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _sounddevice() -> _Library:
    try:
        with _without_noise():
            import sounddevice  # noqa: PLC0415  # its import initialises PortAudio, which may hang
    except OSError as error:
        raise InputLostError(
            INSTALL if any(sign in str(error) for sign in LIBRARY_MISSING) else one_line(error)
        ) from None
    return cast("_Library", sounddevice)


def _raw_stream(index: int, rate_hz: int, channels: int, callback: Callable[..., None] | None) -> _RawStream:
    return _sounddevice().RawInputStream(
        device=index,
        samplerate=rate_hz,
        channels=channels,
        dtype="int16",
        blocksize=max(1, int(BLOCK_S * rate_hz)),
        latency=LATENCY_S,
        callback=callback,
    )


@contextmanager
def _without_noise() -> Iterator[None]:
    """Keep what the libraries below print about devices that are not there off stderr.

    Other lines that come meanwhile are passed on afterwards.
    """
    kept, caught = os.dup(2), os.memfd_create("stderr")
    os.dup2(caught, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        with open(caught, "rb") as lines:  # noqa: PTH123  # a descriptor
            lines.seek(0)
            for line in lines:
                text = line.decode(errors="replace")
                if text.strip() and not text.startswith(_NOISE):
                    sys.stderr.write(text)
                elif text.strip():
                    log.debug("%s", text.rstrip())
