"""The messages of the publish socket as frozen values (docs/wire.md has each field's meaning).

Times are UTC, Unix seconds. A field that a message lacks has its type's empty value; fields that this
version does not know stay readable in `body`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from heard.wire.codec import Body, checked, take_or, unpack
from heard.wire.topics import DAEMON_WIDE, Topic

if TYPE_CHECKING:
    from heard.wire.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every message has."""

    topic: str
    """The full topic, such as `transcript.final.mic`."""
    v: int
    """Version of the protocol."""
    run: str
    """Id of the daemon's run."""
    seq: int
    """From 1, counts per full topic and run."""
    time: float
    """When it was published."""
    source: str
    """Name of the source; empty for `status` and `fault`."""
    body: Body = field(repr=False, compare=False)
    """The whole decoded map, whatever it holds."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a transcript and when it was said."""

    text: str
    start: float
    end: float
    confidence: float
    final: bool
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class LatencyTrace:
    """Where the time from the end of the last word's audio to publication went, in milliseconds."""

    capture: float
    denoise: float
    upstream: float
    recognize: float
    publish: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(Message):
    """A turn, or the part of it that has been heard so far."""

    turn_id: str
    """Unique for ever, the same on partials, final and revision."""
    session: str
    """The service's id of the session."""
    text: str
    start: float
    """When it was said, not when it was published."""
    end: float
    words: tuple[Word, ...]
    confidence: float
    language: str | None
    backfill: bool
    """Said during an outage and transcribed afterwards."""
    latency_ms: LatencyTrace


# Nothing is added to its fields, so these are dataclasses as they are: made into ones each would cost the
# import of this library another half a millisecond.
class Partial(Transcript):
    """The turn so far; replaces the partial before it."""

    __slots__ = ()


class Final(Transcript):
    """The whole turn; there is exactly one."""

    __slots__ = ()


class Revised(Transcript):
    """A later correction of the final with the same `turn_id`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent(Message):
    """Something happened to a source: live, lost, muted, unmuted, ended, verdict."""

    event: str
    detail: str
    verdict: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamEvent(Message):
    """Something happened to a source's speech-to-text session."""

    event: str
    session: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Message):
    """Audio was lost: `samples` of them, between `start` and `end`."""

    reason: str
    samples: int
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Level(Message):
    """Levels before and after denoising in dB relative to full scale; None where not measured."""

    rms_dbfs: float | None
    peak_dbfs: float | None
    denoised_rms_dbfs: float | None
    denoised_peak_dbfs: float | None
    snr_db: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(Message):
    """Denoised audio, s16le mono; `sample` is the number of its first sample, `start` that one's time."""

    sample: int
    start: float
    rate_hz: int
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(Message):
    """64 ms before and after denoising, in bands of equal width on the mel scale; while somebody watches.

    A byte for each band, the lowest first: half decibels above -120 dBFS (see `Control.watch`).
    """

    start: float
    low_hz: float
    high_hz: float
    bands_dbfs: bytes = field(repr=False)
    denoised_bands_dbfs: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Message):
    """Something in the world that the daemon works around, such as a full disk, began or is over."""

    process: str
    what: str
    event: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMessage(Message):
    """The status of the daemon, once a second and when its state changes."""

    status: Status


def parse(topic: str, data: bytes) -> Message | None:
    """Return the message that the two frames hold; None for a topic that this version does not know.

    Raises:
        WireError: the body is no map, or a field in it has another type than it must have.
    """
    return None if split(topic) is None else from_body(topic, unpack(data))


def from_body(topic: str, body: Body) -> Message | None:
    """Return the message that an already decoded body holds, as `parse` does."""
    known = split(topic)
    if known is None:
        return None
    subject, source = known
    kind, fields = _KINDS[subject]
    values = {"topic": topic, "body": body, **_values(body, _HEADER), **_values(body, fields)}
    values["source"] = values["source"] or source
    if issubclass(kind, Transcript):
        words = take_or(body, "words", list, [])
        values["words"] = tuple([_word(checked(each, "words", dict)) for each in words])
        trace = take_or(body, "latency_ms", dict, {})
        values["latency_ms"] = LatencyTrace(**_values(trace, _TRACE))  # type: ignore[arg-type]
    elif kind is StatusMessage:
        # The status map is not checked field by field: a daemon may add to it.
        values["status"] = cast("Status", body)
    return kind(**values)  # type: ignore[arg-type]  # each field was checked against the table


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


_Fields = tuple[tuple[str, type, object], ...]
"""A field's name, its type on the wire, and what stands for it where it is missing."""

_HEADER: _Fields = (
    ("v", int, 0),
    ("run", str, ""),
    ("seq", int, 0),
    ("time", float, 0.0),
    ("source", str, ""),
)
_TRANSCRIPT: _Fields = (
    ("turn_id", str, ""),
    ("session", str, ""),
    ("text", str, ""),
    ("start", float, 0.0),
    ("end", float, 0.0),
    ("confidence", float, 0.0),
    ("language", str, None),
    ("backfill", bool, False),
)
_WORD: _Fields = (
    ("text", str, ""),
    ("start", float, 0.0),
    ("end", float, 0.0),
    ("confidence", float, 0.0),
    ("final", bool, False),
    ("speaker", str, None),
)
_TRACE: _Fields = tuple(
    (name, float, 0.0) for name in ("capture", "denoise", "upstream", "recognize", "publish", "total")
)
_LEVELS = ("rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs", "snr_db")
_KINDS: dict[Topic, tuple[type[Message], _Fields]] = {
    Topic.PARTIAL: (Partial, _TRANSCRIPT),
    Topic.FINAL: (Final, _TRANSCRIPT),
    Topic.REVISED: (Revised, _TRANSCRIPT),
    Topic.SOURCE: (SourceEvent, (("event", str, ""), ("detail", str, ""), ("verdict", str, None))),
    Topic.UPSTREAM: (UpstreamEvent, (("event", str, ""), ("session", str, None), ("reason", str, None))),
    Topic.GAP: (
        Gap,
        (("reason", str, ""), ("samples", int, 0), ("start", float, 0.0), ("end", float, 0.0)),
    ),
    Topic.LEVEL: (Level, tuple((name, float, None) for name in _LEVELS)),
    Topic.AUDIO: (
        Audio,
        (("sample", int, 0), ("start", float, 0.0), ("rate_hz", int, 0), ("pcm", bytes, b"")),
    ),
    Topic.SPECTRUM: (
        Spectrum,
        (
            ("start", float, 0.0),
            ("low_hz", float, 0.0),
            ("high_hz", float, 0.0),
            ("bands_dbfs", bytes, b""),
            ("denoised_bands_dbfs", bytes, b""),
        ),
    ),
    Topic.FAULT: (
        Fault,
        (("process", str, ""), ("what", str, ""), ("event", str, ""), ("detail", str, "")),
    ),
    Topic.STATUS: (StatusMessage, ()),
}


def _values(body: Body, fields: _Fields) -> Body:
    """Return the values of `fields`.

    Raises:
        WireError: one has another type than it must have.
    """
    values: Body = {}
    for name, of, empty in fields:
        value = body.get(name)
        # Nearly every value is of its type: asked here, a message is read a fifth faster.
        if type(value) is not of:
            value = empty if value is None else checked(value, name, of)
        values[name] = value
    return values


def _word(body: Body) -> Word:
    values = _values(body, _WORD)
    values["speaker"] = values["speaker"] or None
    return Word(**values)  # type: ignore[arg-type]  # each field was checked against the table
