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
from typing import TYPE_CHECKING, cast

from heard.capture import libpulse
from heard.capture.lost import InputLostError

FRAGMENT_S = 0.02
"""How much audio the server is asked to send at once; it makes the device work in such steps."""
SAMPLE_BYTES = 2
PID = b"application.process.id"

if TYPE_CHECKING:
    _Sources = ctypes._Pointer[libpulse.SourceInfo]  # noqa: SLF001  # its only name for type checkers
    _Outputs = ctypes._Pointer[libpulse.SourceOutputInfo]  # noqa: SLF001  # likewise


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
    index: int
    channel_map: tuple[int, ...]


class Server:
    """A connection to the sound server.

    Raises:
        NoServerError: there is none.
        InputLostError: it does not answer within `limit_s`, or refuses.
    """

    def __init__(self, limit_s: float) -> None:
        try:
            self._pa = libpulse.loaded()
        except OSError:
            raise NoServerError(f"{libpulse.LIBRARY} is not installed: apt install libpulse0") from None
        self._loop = self._pa.pa_mainloop_new()
        self._context = self._pa.pa_context_new(self._pa.pa_mainloop_get_api(self._loop), b"heard")
        self._closed = False
        try:
            if self._pa.pa_context_connect(self._context, None, libpulse.NO_AUTOSPAWN, None) < 0:
                raise NoServerError(self.trouble())
            self._wait(lambda: self._state() == libpulse.CONTEXT_READY, limit_s)
        except InputLostError as error:
            never = self._state() != libpulse.CONTEXT_READY and "does not answer" not in str(error)
            self.close()
            if never:
                raise NoServerError(str(error)) from None
            raise

    def sources(self, limit_s: float) -> list[PulseSource]:
        """Return the sources, the outputs' monitors among them."""
        found: list[PulseSource] = []

        def one(
            _context: object, info: ctypes._Pointer[libpulse.SourceInfo], last: int, _data: object
        ) -> None:
            if not last:
                found.append(_source(info.contents))

        with _callbacks():
            callback = libpulse.SourceCallback(one)
        self._done(self._pa.pa_context_get_source_info_list(self._context, callback, None), limit_s)
        return found

    def default_source(self, limit_s: float) -> str:
        """Return the name of the source that is the default; "" where there is none."""
        names: list[bytes | None] = []

        def one(_context: object, info: ctypes._Pointer[libpulse.ServerInfo], _data: object) -> None:
            names.append(info.contents.default_source_name)

        with _callbacks():
            callback = libpulse.ServerCallback(one)
        self._done(self._pa.pa_context_get_server_info(self._context, callback, None), limit_s)
        return _text(names[0]) if names else ""

    def heard_by(self, pid: int, limit_s: float) -> str | None:
        """Return the name of the source that a process's stream is at; None where it has none."""
        found: list[int] = []
        own = str(pid).encode()

        def one(
            _context: object, info: ctypes._Pointer[libpulse.SourceOutputInfo], last: int, _: object
        ) -> None:
            if not last and self._pa.pa_proplist_gets(info.contents.proplist, PID) == own:
                found.append(int(info.contents.source))

        with _callbacks():
            callback = libpulse.SourceOutputCallback(one)
        self._done(self._pa.pa_context_get_source_output_info_list(self._context, callback, None), limit_s)
        names = {source.index: source.name for source in self.sources(limit_s)} if found else {}
        return names.get(found[0]) if found else None

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
        if self._state() >= libpulse.CONTEXT_FAILED:
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
            self._wait(
                lambda: self._pa.pa_operation_get_state(operation) != libpulse.OPERATION_RUNNING, limit_s
            )
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
        spec = libpulse.Spec(libpulse.S16LE, rate_hz, source.channels)
        places = libpulse.ChannelMap(
            source.channels, (ctypes.c_int * libpulse.MAX_CHANNELS)(*source.channel_map)
        )
        fragment = max(1, int(FRAGMENT_S * rate_hz)) * self._frame_bytes
        attr = libpulse.BufferAttr(
            libpulse.NO_SIZE, libpulse.NO_SIZE, libpulse.NO_SIZE, libpulse.NO_SIZE, fragment
        )
        context = server._context  # noqa: SLF001  # likewise
        self._stream = pa.pa_stream_new(context, b"heard", ctypes.byref(spec), ctypes.byref(places))
        if not self._stream:
            raise InputLostError(f"{source.name}: {server.trouble()}")
        flags = libpulse.DONT_MOVE | libpulse.ADJUST_LATENCY | libpulse.NO_REMAP | libpulse.NO_REMIX
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
        return 0 if size > libpulse.NO_SIZE else size // self._frame_bytes

    def close(self) -> None:
        """Let go of the source."""
        self._pa.pa_stream_disconnect(self._stream)
        self._pa.pa_stream_unref(self._stream)

    def _begun(self) -> bool:
        self._check(ready=False)
        return bool(self._pa.pa_stream_get_state(self._stream) == libpulse.STREAM_READY)

    def _check(self, *, ready: bool = True) -> None:
        if self._pa.pa_stream_get_state(self._stream) >= libpulse.STREAM_FAILED:
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


def _source(info: libpulse.SourceInfo) -> PulseSource:
    channels = int(info.channel_map.channels)
    return PulseSource(
        name=_text(info.name),
        description=_text(info.description),
        channels=channels,
        rate_hz=int(info.sample_spec.rate),
        monitor=info.monitor_of_sink != libpulse.NO_INDEX,
        index=int(info.index),
        channel_map=tuple(info.channel_map.map[:channels]),
    )


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode(errors="replace")
