"""The messages of the publish socket as frozen values (docs/wire.md has each field's meaning).

Times are UTC, Unix seconds. A field that a message lacks has its type's empty value; fields that this
version does not know stay readable in `body`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from heard.wire.codec import Body
from heard_client.words import LatencyTrace, Word, latency_of, words_of

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(Message):
    """A turn, or the part of it that has been heard so far.

    `words` and `latency_ms` are made out of the body when they are first asked for, which many never do.
    Where the sender broke the protocol in them, that raises ValueError (`heard.wire.codec.WireError`).
    """

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

    if not TYPE_CHECKING:  # it would know every name

        def __getattr__(self, name: str) -> object:
            """Make what a message off the wire was not given yet."""
            made = _LATER[name](self.body) if name in _LATER else object.__getattribute__(self, name)
            object.__setattr__(self, name, made)
            return made


_LATER = {"words": words_of, "latency_ms": latency_of}


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
