"""PortAudio through sounddevice: the inputs there are, and streams that fill a `Fifo`.

Calls into PortAudio may hang for as long as a sound server hangs, the import included (it
initialises the library). So all but reads are made by one daemon thread, `Calls`, which the rest of
the process asks and never waits for; whoever asked looks at how long the call has been under way.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from heard.capture.fifo import Fifo
from heard.capture.source import InputLostError

log = logging.getLogger(__name__)

Reads = Literal["auto", "callback", "blocking"]

BLOCK_S = 0.01
"""Frames that PortAudio is asked to hand over at once."""
LATENCY_S = 0.1
"""Buffer that PortAudio is asked to keep below us; frames wait there when we are late, not otherwise."""
FIFO_S = 4.0
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
    def _initialize(self) -> None: ...
    def _terminate(self) -> None: ...


class Calls:
    """The one thread that calls PortAudio."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._busy_since: float | None = None
        self.streams = 0
        """Open streams; PortAudio must not be initialised anew under them."""
        self._used = False
        threading.Thread(target=self._run, name="portaudio", daemon=True).start()

    def ask(self, call: Callable[[], None]) -> None:
        """Have `call` made once those before it are done; it deals with its own errors."""
        self._queue.put(call)

    def hung_s(self) -> float:
        """Return for how long the call under way has been."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def refresh(self) -> None:
        """Look for devices again, unless a stream is open; only called by the thread itself."""
        if self._used and self.streams == 0:
            reinitialise()
        self._used = True

    def _run(self) -> None:
        while True:
            call = self._queue.get()
            self._busy_since = time.monotonic()
            try:
                call()
            except Exception:
                log.exception("a call to PortAudio failed")
            finally:
                self._busy_since = None


class Stream:
    """One device's stream. It opens in the background and fills `fifo`, or says why not in `error`."""

    def __init__(self, calls: Calls, device: str, *, rate_hz: int, channel: int, reads: Reads) -> None:
        self._calls = calls
        self._device = device
        self._asked_hz = rate_hz
        self._channel = channel
        self._reads = reads
        self._closing = False
        self._stream: _RawStream | None = None
        self.rate_hz = 0
        self.reads: Reads = reads
        """How it is read; the way found, once open."""
        self.fifo: Fifo | None = None
        """None until the stream is open."""
        self.error: str | None = None
        calls.ask(self._open)

    def close(self) -> None:
        """Let go of the device, in the background; it is never opened after this."""
        self._closing = True
        self._calls.ask(self._shut_unless_read)

    def _open(self) -> None:
        if self._closing:
            return
        try:
            self._calls.refresh()
            device = find(self._device, inputs())
            self.rate_hz = self._asked_hz or device.default_rate_hz
            self._open_stream(device, wanted_channels(self._channel, device))
        except InputLostError as error:
            self.error = str(error)
        except Exception as error:  # noqa: BLE001  # PortAudioError, and what its host APIs raise: all mean lost
            self.error = f"{self._device}: {one_line(error)}"

    def _open_stream(self, device: Device, channels: int) -> None:
        fifo = Fifo(int(FIFO_S * self.rate_hz), channels)
        stream = None
        if self._reads != "blocking":
            stream = self._with_callback(device.index, channels, fifo)
        self.reads = "blocking" if stream is None else "callback"
        if stream is None:
            stream = _raw_stream(device.index, self.rate_hz, channels, None)
        try:
            stream.start()
        except Exception:
            stream.close()
            raise
        self._stream = stream
        self._calls.streams += 1
        self.fifo = fifo
        if self.reads == "blocking":
            name = f"reads {self._device}"
            threading.Thread(target=self._read_on, args=(stream, fifo), name=name, daemon=True).start()
        elif self._closing:
            self._shut()

    def _with_callback(self, index: int, channels: int, fifo: Fifo) -> _RawStream | None:
        rate_hz = self.rate_hz

        def copy(data: object, frames: int, at: _Time, status: _Flags) -> None:
            # The buffer's age on PortAudio's clock; some host APIs leave the times at zero.
            age = at.currentTime - at.inputBufferAdcTime
            if not 0 < age < LONGEST_LATENCY_S or not at.inputBufferAdcTime:
                age = frames / rate_hz
            overrun = bool(status.input_overflow)
            fifo.write(memoryview(data), frames, time.monotonic() - age, overrun=overrun)  # type: ignore[arg-type]  # a cffi buffer

        try:
            return _raw_stream(index, rate_hz, channels, copy)
        except (MemoryError, PermissionError, SystemError) as error:
            # cffi needs memory that can be written and executed for a callback; a hardened service
            # (MemoryDenyWriteExecute) has none.
            if self._reads == "callback":
                raise InputLostError(
                    f"{self._device}: callbacks are forbidden here ({one_line(error)}): "
                    'set capture.reads = "auto"'
                ) from None
            log.info("%s: callbacks are forbidden here, reading instead", self._device)
            return None

    def _read_on(self, stream: _RawStream, fifo: Fifo) -> None:
        """Read until closed, in a thread of the stream's own; it alone touches the stream then."""
        frames = max(1, int(BLOCK_S * self.rate_hz))
        try:
            while not self._closing:
                data, overrun = stream.read(frames)
                behind = frames + stream.read_available
                fifo.write(
                    memoryview(data), frames, time.monotonic() - behind / self.rate_hz, overrun=overrun
                )
        except Exception as error:  # noqa: BLE001  # whatever PortAudio raises, the device is gone
            self.error = f"{self._device}: {one_line(error)}"
        self._calls.ask(self._shut)

    def _shut_unless_read(self) -> None:
        # A stream in the middle of a read is left to its reader, which sees that it is to close.
        if self.reads != "blocking":
            self._shut()

    def _shut(self) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        self._calls.streams -= 1
        try:
            # stop() would wait for what is under way, for ever where the device is gone.
            stream.abort()
            stream.close()
        except Exception as error:  # noqa: BLE001  # a device that is gone need not close well
            log.debug("%s: closing: %s", self._device, one_line(error))


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


def reinitialise() -> None:
    """Have PortAudio look for devices again; may hang. No stream may be open."""
    sounddevice = _sounddevice()
    with _without_noise():
        # PortAudio lists what was there when it was initialised; sounddevice offers no other way.
        sounddevice._terminate()  # noqa: SLF001
        sounddevice._initialize()  # noqa: SLF001


def loaded() -> bool:
    """Whether the library was loaded: then an orderly exit may hang in it."""
    return "sounddevice" in sys.modules


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
