"""Core: what a device's own process, the listener, tells `capture` over a pipe.

Each message is its kind and length, then a body: JSON, or for audio a stamp and the frames.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["input", "monitor"]
System = Literal["pulse", "portaudio"]

_HEAD = struct.Struct("<cI")
_STAMP = struct.Struct("<qdqq?")
_OPENED, _LOST, _AUDIO = b"o", b"l", b"a"


@dataclass(frozen=True, slots=True)
class Opened:
    """The device delivers from now on.

    label    the device's name, also where another was asked for ("default")
    kind     whether it is a microphone or what an output plays
    system   who delivers: a sound server, or PortAudio
    rate_hz  of the frames
    """

    label: str
    kind: Kind
    system: System
    rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The device is not there, or not any more; the listener ends. `moved`: another is the default now."""

    why: str
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Audio:
    """Frames that came at once: int16, `channels` values a frame.

    frame    number of the first, of those that were passed on
    at       when it was captured as far as the listener could tell (monotonic seconds)
    lost     frames before it that were left out because nobody took them
    missing  frames before it that the sound system said were lost
    overrun  the sound system said that it lost some, not how many
    """

    pcm: bytes
    frame: int
    at: float
    lost: int = 0
    missing: int = 0
    overrun: bool = False


Message = Opened | Lost | Audio


def pack(message: Message) -> bytes:
    """Return the bytes of a message."""
    match message:
        case Audio():
            stamp = _STAMP.pack(message.frame, message.at, message.lost, message.missing, message.overrun)
            return _HEAD.pack(_AUDIO, len(stamp) + len(message.pcm)) + stamp + message.pcm
        case Opened() | Lost():
            body = json.dumps(asdict(message)).encode()
            return _HEAD.pack(_OPENED if isinstance(message, Opened) else _LOST, len(body)) + body


class Reader:
    """Puts messages together again from pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole now; take all of them before the next call."""
        data = self._rest + data
        at = 0
        while len(data) - at >= _HEAD.size:
            kind, size = _HEAD.unpack_from(data, at)
            if len(data) - at - _HEAD.size < size:
                break
            body = data[at + _HEAD.size : at + _HEAD.size + size]
            at += _HEAD.size + size
            yield _message(kind, body)
        self._rest = data[at:]


def _message(kind: bytes, body: bytes) -> Message:
    if kind == _AUDIO:
        frame, at, lost, missing, overrun = _STAMP.unpack_from(body)
        return Audio(body[_STAMP.size :], frame, at, lost, missing, overrun)
    if kind not in (_OPENED, _LOST):
        raise ValueError(f"no message of a listener begins with {kind!r}")
    fields = json.loads(body)
    return Opened(**fields) if kind == _OPENED else Lost(**fields)
