"""Frames of the publish socket to messages, in as few steps of Python as it takes.

See `heard_client.fields` for the reason.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import lru_cache, partial
from itertools import repeat
from operator import call

from heard.wire.codec import Body, unpack
from heard.wire.topics import DAEMON_WIDE, Topic
from heard_client.fields import Fields, Table
from heard_client.messages import (
    Audio,
    Fault,
    Final,
    Gap,
    Level,
    Message,
    Partial,
    Revised,
    SourceEvent,
    Spectrum,
    StatusMessage,
    UpstreamEvent,
)

Reader = Callable[[str, str, Body], Message]
"""Makes a message: of its full topic, the source that is named there, and the body."""


def parse(topic: str, data: bytes) -> Message | None:
    """Return the message that the two frames hold; None for a topic that this version does not know.

    Raises:
        WireError: the body is no map, or a field in it has another type than it must have.
    """
    read = reader(topic)
    return None if read is None else read(unpack(data))


def from_body(topic: str, body: Body) -> Message | None:
    """Return the message that an already decoded body holds, as `parse` does."""
    read = reader(topic)
    return None if read is None else read(body)


def reader(topic: str) -> Callable[[Body], Message] | None:
    """Return what makes messages of bodies under a full topic, as `from_body` does; None where none can."""
    known = split(topic)
    return None if known is None else partial(READERS[known[0]], topic, known[1])


@lru_cache(maxsize=1024)
def split(topic: str) -> tuple[Topic, str] | None:
    """Return what a full topic is about and the source it names; None where it is not known."""
    if topic in DAEMON_WIDE:
        return Topic(topic), ""
    head, _, source = topic.rpartition(".")
    try:
        subject = Topic(head)
    except ValueError:
        return None
    return (subject, source) if source and subject not in DAEMON_WIDE else None


def _reader(kind: type[Message], given: Table = (), others: Table = (), *, also: str = "") -> Reader:
    """Return what makes messages of one kind out of the header and these fields.

    The field `also` is the body once more, which is not looked at.
    """
    fields = Fields(_HEADER + given, others)
    names = (*fields.names, "topic", "body", also)
    # A slot's own way to be set passes by the frozen class, as that class's __init__ has to; but in C.
    setters = [getattr(kind, name).__set__ for name in names if name]
    new = object.__new__

    def read(topic: str, source: str, body: Body) -> Message:
        values = fields.values(body)
        if not values[_SOURCE]:
            values = (*values[:_SOURCE], source, *values[_SOURCE + 1 :])
        message = new(kind)
        deque(map(call, setters, repeat(message), (*values, topic, body, body)), maxlen=0)
        return message

    return read


_HEADER: Table = (
    ("v", int, 0),
    ("run", str, ""),
    ("seq", int, 0),
    ("time", float, 0.0),
    ("source", str, ""),
)
_SOURCE = 4
_TRANSCRIPT: Table = (
    ("turn_id", str, ""),
    ("session", str, ""),
    ("text", str, ""),
    ("start", float, 0.0),
    ("end", float, 0.0),
    ("confidence", float, 0.0),
    ("backfill", bool, False),
)
_LANGUAGE: Table = (("language", str, None),)
_LEVELS = ("rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs", "snr_db")

READERS: dict[Topic, Reader] = {
    Topic.PARTIAL: _reader(Partial, _TRANSCRIPT, _LANGUAGE),
    Topic.FINAL: _reader(Final, _TRANSCRIPT, _LANGUAGE),
    Topic.REVISED: _reader(Revised, _TRANSCRIPT, _LANGUAGE),
    Topic.SOURCE: _reader(SourceEvent, (("event", str, ""), ("detail", str, "")), (("verdict", str, None),)),
    Topic.UPSTREAM: _reader(
        UpstreamEvent, (("event", str, ""),), (("session", str, None), ("reason", str, None))
    ),
    Topic.GAP: _reader(
        Gap, (("reason", str, ""), ("samples", int, 0), ("start", float, 0.0), ("end", float, 0.0))
    ),
    Topic.LEVEL: _reader(Level, (), tuple((name, float, None) for name in _LEVELS)),
    Topic.AUDIO: _reader(
        Audio, (("sample", int, 0), ("start", float, 0.0), ("rate_hz", int, 0), ("pcm", bytes, b""))
    ),
    Topic.SPECTRUM: _reader(
        Spectrum,
        (
            ("start", float, 0.0),
            ("low_hz", float, 0.0),
            ("high_hz", float, 0.0),
            ("bands_dbfs", bytes, b""),
            ("denoised_bands_dbfs", bytes, b""),
        ),
    ),
    Topic.FAULT: _reader(
        Fault, (("process", str, ""), ("what", str, ""), ("event", str, ""), ("detail", str, ""))
    ),
    Topic.STATUS: _reader(StatusMessage, also="status"),
}
