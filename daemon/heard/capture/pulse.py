"""PulseAudio's protocol through libpulse: its sources and monitors, and streams that stay where they are.

PipeWire speaks the same protocol. ALSA's `pulse` plug-in, which PortAudio would use, hides what matters here:
the server moves its streams to another microphone when theirs goes away, monitors have no name, and a
server that is gone looks like silence. A stream made here may not be moved.

No call waits longer than it is told; nothing is called back but lists, which are asked for before the audio.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from heard.capture.lost import InputLostError

LIBRARY = "libpulse.so.0"
FRAGMENT_S = 0.01
"""How much audio the server is asked to send at once; it makes the device work in such steps."""
NO_INDEX = NO_SIZE = 0xFFFFFFFF
MAX_CHANNELS = 32
SAMPLE_BYTES = 2

# pulse/def.h, pulse/sample.h
_S16LE = 3
_NO_AUTOSPAWN = 0x0001
_CONTEXT_READY, _CONTEXT_FAILED = 4, 5
_STREAM_READY, _STREAM_FAILED = 2, 3
_OPERATION_RUNNING = 0
_NO_REMAP, _NO_REMIX = 0x0010, 0x0020
_DONT_MOVE = 0x0200
_ADJUST_LATENCY = 0x2000


class NoServerError(InputLostError):
    """Nothing listens where a sound server would, or libpulse is not installed."""


@dataclass(frozen=True, slots=True)
class PulseSource:
    """A source of the server: a microphone, or what an output plays."""

    name: str
    description: str
    channels: int
    rate_hz: int
    monitor: bool
    channel_map: tuple[int, ...]


class _Spec(ctypes.Structure):
    _fields_ = (("format", ctypes.c_int), ("rate", ctypes.c_uint32), ("channels", ctypes.c_uint8))


class _ChannelMap(ctypes.Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("map", ctypes.c_int * MAX_CHANNELS))


class _Volume(ctypes.Structure):
    _fields_ = (("channels", ctypes.c_uint8), ("values", ctypes.c_uint32 * MAX_CHANNELS))


class _SourceInfo(ctypes.Structure):
    """The beginning of pa_source_info, which only ever grows at its end."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("index", ctypes.c_uint32),
        ("description", ctypes.c_char_p),
        ("sample_spec", _Spec),
        ("channel_map", _ChannelMap),
        ("owner_module", ctypes.c_uint32),
        ("volume", _Volume),
        ("mute", ctypes.c_int),
        ("monitor_of_sink", ctypes.c_uint32),
    )


class _ServerInfo(ctypes.Structure):
    """The beginning of pa_server_info."""

    _fields_ = (
        ("user_name", ctypes.c_char_p),
        ("host_name", ctypes.c_char_p),
        ("server_version", ctypes.c_char_p),
        ("server_name", ctypes.c_char_p),
        ("sample_spec", _Spec),
        ("default_sink_name", ctypes.c_char_p),
        ("default_source_name", ctypes.c_char_p),
    )


class _BufferAttr(ctypes.Structure):
    _fields_ = (
        ("maxlength", ctypes.c_uint32),
        ("tlength", ctypes.c_uint32),
        ("prebuf", ctypes.c_uint32),
        ("minreq", ctypes.c_uint32),
        ("fragsize", ctypes.c_uint32),
    )


_SourceCallback = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.POINTER(_SourceInfo), ctypes.c_int, ctypes.c_void_p
)
_ServerCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_ServerInfo), ctypes.c_void_p)

_P, _I, _U, _S, _Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_size_t
_SIGNATURES: dict[str, tuple[object, tuple[object, ...]]] = {
    "pa_mainloop_new": (_P, ()),
    "pa_mainloop_free": (None, (_P,)),
    "pa_mainloop_get_api": (_P, (_P,)),
    "pa_mainloop_prepare": (_I, (_P, _I)),
    "pa_mainloop_poll": (_I, (_P,)),
    "pa_mainloop_dispatch": (_I, (_P,)),
    "pa_strerror": (_S, (_I,)),
    "pa_context_new": (_P, (_P, _S)),
    "pa_context_connect": (_I, (_P, _S, _I, _P)),
    "pa_context_disconnect": (None, (_P,)),
    "pa_context_unref": (None, (_P,)),
    "pa_context_get_state": (_I, (_P,)),
    "pa_context_errno": (_I, (_P,)),
    "pa_context_get_source_info_list": (_P, (_P, _SourceCallback, _P)),
    "pa_context_get_server_info": (_P, (_P, _ServerCallback, _P)),
    "pa_operation_get_state": (_I, (_P,)),
    "pa_operation_cancel": (None, (_P,)),
    "pa_operation_unref": (None, (_P,)),
    "pa_stream_new": (_P, (_P, _S, _P, _P)),
    "pa_stream_connect_record": (_I, (_P, _S, _P, _I)),
    "pa_stream_disconnect": (_I, (_P,)),
    "pa_stream_unref": (None, (_P,)),
    "pa_stream_get_state": (_I, (_P,)),
    "pa_stream_get_device_name": (_S, (_P,)),
    "pa_stream_is_suspended": (_I, (_P,)),
    "pa_stream_readable_size": (_Z, (_P,)),
    "pa_stream_peek": (_I, (_P, _P, _P)),
    "pa_stream_drop": (_I, (_P,)),
}


def _loaded() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        raise NoServerError(f"{LIBRARY} is not installed: apt install libpulse0") from None
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Server:
    """A connection to the sound server.

    Raises:
        NoServerError: there is none.
        InputLostError: it does not answer within `limit_s`, or refuses.
    """

    def __init__(self, limit_s: float) -> None:
        self._pa = _loaded()
        self._loop = self._pa.pa_mainloop_new()
        self._context = self._pa.pa_context_new(self._pa.pa_mainloop_get_api(self._loop), b"heard")
        self._closed = False
        try:
            if self._pa.pa_context_connect(self._context, None, _NO_AUTOSPAWN, None) < 0:
                raise NoServerError(self.trouble())
            self._wait(lambda: self._state() == _CONTEXT_READY, limit_s)
        except InputLostError as error:
            never = self._state() != _CONTEXT_READY and "does not answer" not in str(error)
            self.close()
            if never:
                raise NoServerError(str(error)) from None
            raise

    def sources(self, limit_s: float) -> list[PulseSource]:
        """Return the sources, the outputs' monitors among them."""
        found: list[PulseSource] = []

        def one(_context: object, info: ctypes._Pointer[_SourceInfo], last: int, _data: object) -> None:
            if not last:
                found.append(_source(info.contents))

        with _callbacks():
            callback = _SourceCallback(one)
        self._done(self._pa.pa_context_get_source_info_list(self._context, callback, None), limit_s)
        return found

    def default_source(self, limit_s: float) -> str:
        """Return the name of the source that is the default; "" where there is none."""
        names: list[bytes | None] = []

        def one(_context: object, info: ctypes._Pointer[_ServerInfo], _data: object) -> None:
            names.append(info.contents.default_source_name)

        with _callbacks():
            callback = _ServerCallback(one)
        self._done(self._pa.pa_context_get_server_info(self._context, callback, None), limit_s)
        return _text(names[0]) if names else ""

    def record(self, source: PulseSource, rate_hz: int, limit_s: float) -> Recording:
        """Return a stream of all channels of `source`, int16, once the server has begun it."""
        return Recording(self, source, rate_hz, limit_s)

    def turn(self, wait_s: float) -> None:
        """Take in what the server sends, waiting for at most `wait_s`.

        Raises:
            InputLostError: it has gone.
        """
        self._pa.pa_mainloop_prepare(self._loop, max(0, int(wait_s * 1e6)))
        self._pa.pa_mainloop_poll(self._loop)
        self._pa.pa_mainloop_dispatch(self._loop)
        if self._state() >= _CONTEXT_FAILED:
            raise InputLostError(f"the sound server is gone: {self.trouble()}")

    def trouble(self) -> str:
        """Return what went wrong last."""
        return _text(self._pa.pa_strerror(self._pa.pa_context_errno(self._context)))

    def close(self) -> None:
        """Leave the server."""
        if not self._closed:
            self._closed = True
            self._pa.pa_context_disconnect(self._context)
            self._pa.pa_context_unref(self._context)
            self._pa.pa_mainloop_free(self._loop)

    def _state(self) -> int:
        return cast("int", self._pa.pa_context_get_state(self._context))

    def _done(self, operation: int | None, limit_s: float) -> None:
        if not operation:
            raise InputLostError(f"the sound server refuses: {self.trouble()}")
        try:
            self._wait(lambda: self._pa.pa_operation_get_state(operation) != _OPERATION_RUNNING, limit_s)
        finally:
            self._pa.pa_operation_cancel(operation)
            self._pa.pa_operation_unref(operation)

    def _wait(self, over: Callable[[], bool], limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not over():
            left = deadline - time.monotonic()
            if left <= 0:
                raise InputLostError("the sound server does not answer")
            self.turn(min(left, 0.1))


class Recording:
    """A stream from one source, for as long as that source is there."""

    def __init__(self, server: Server, source: PulseSource, rate_hz: int, limit_s: float) -> None:
        self.source = source
        self.rate_hz = rate_hz
        self.channels = source.channels
        self._server = server
        self._pa = pa = server._pa  # noqa: SLF001  # two halves of one wrapper
        self._frame_bytes = SAMPLE_BYTES * source.channels
        spec = _Spec(_S16LE, rate_hz, source.channels)
        places = _ChannelMap(source.channels, (ctypes.c_int * MAX_CHANNELS)(*source.channel_map))
        fragment = max(1, int(FRAGMENT_S * rate_hz)) * self._frame_bytes
        attr = _BufferAttr(NO_SIZE, NO_SIZE, NO_SIZE, NO_SIZE, fragment)
        context = server._context  # noqa: SLF001  # likewise
        self._stream = pa.pa_stream_new(context, b"heard", ctypes.byref(spec), ctypes.byref(places))
        if not self._stream:
            raise InputLostError(f"{source.name}: {server.trouble()}")
        flags = _DONT_MOVE | _ADJUST_LATENCY | _NO_REMAP | _NO_REMIX
        if pa.pa_stream_connect_record(self._stream, source.name.encode(), ctypes.byref(attr), flags) < 0:
            raise InputLostError(f"{source.name}: {server.trouble()}")
        server._wait(self._begun, limit_s)  # noqa: SLF001  # likewise

    @property
    def suspended(self) -> bool:
        """Whether the server has suspended the source: it delivers nothing until it is resumed."""
        return bool(self._pa.pa_stream_is_suspended(self._stream) == 1)

    def read(self, wait_s: float) -> list[tuple[bytes, int]]:
        """Return what has come, as (frames, how many are missing before them); wait up to `wait_s` for it.

        Raises:
            InputLostError: the source is gone, or the server; or the stream is at another source.
        """
        if not self.waiting:
            self._server.turn(wait_s)
        self._check()
        pieces: list[tuple[bytes, int]] = []
        missing = 0
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        while self.waiting:
            if self._pa.pa_stream_peek(self._stream, ctypes.byref(data), ctypes.byref(size)) < 0:
                raise InputLostError(f"{self.source.name}: {self._server.trouble()}")
            if not size.value:
                break
            if data.value is None:
                missing += size.value // self._frame_bytes
            else:
                pieces.append((ctypes.string_at(data.value, size.value), missing))
                missing = 0
            self._pa.pa_stream_drop(self._stream)
        return pieces

    @property
    def waiting(self) -> int:
        """How many frames have come and were not read."""
        size = cast("int", self._pa.pa_stream_readable_size(self._stream))
        # (size_t) -1 where the stream is no more.
        return 0 if size > NO_SIZE else size // self._frame_bytes

    def close(self) -> None:
        """Let go of the source."""
        self._pa.pa_stream_disconnect(self._stream)
        self._pa.pa_stream_unref(self._stream)

    def _begun(self) -> bool:
        self._check(ready=False)
        return bool(self._pa.pa_stream_get_state(self._stream) == _STREAM_READY)

    def _check(self, *, ready: bool = True) -> None:
        if self._pa.pa_stream_get_state(self._stream) >= _STREAM_FAILED:
            raise InputLostError(f"{self.source.name}: the device is gone ({self._server.trouble()})")
        at = _text(self._pa.pa_stream_get_device_name(self._stream)) if ready else self.source.name
        if at != self.source.name:
            raise InputLostError(f"{self.source.name}: the sound server gave us {at} instead")


@contextmanager
def _callbacks() -> Iterator[None]:
    try:
        yield
    except MemoryError:
        # An old libffi needs memory that can be written and executed, which a hardened service has not.
        raise NoServerError("callbacks are forbidden here, so the sound server cannot be asked") from None


def _source(info: _SourceInfo) -> PulseSource:
    channels = int(info.channel_map.channels)
    return PulseSource(
        name=_text(info.name),
        description=_text(info.description),
        channels=channels,
        rate_hz=int(info.sample_spec.rate),
        monitor=info.monitor_of_sink != NO_INDEX,
        channel_map=tuple(info.channel_map.map[:channels]),
    )


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode(errors="replace")
