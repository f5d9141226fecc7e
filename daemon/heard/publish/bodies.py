"""Core: the body of a published message, from what a stage said: checked, completed, in a fixed order.

The fields are those of docs/wire.md. Fields that it does not know pass as they are, behind the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from heard.wire import PROTOCOL
from heard.wire.codec import Body, WireError, checked, take
from heard.wire.events import Event
from heard.wire.topics import DAEMON_WIDE, Topic

STAGES = ("capture", "denoise", "upstream", "recognize")
"""Parts of `latency_ms` that come with a transcript; `publish` and `total` are added here."""

TRANSCRIPTS = frozenset({Topic.PARTIAL, Topic.FINAL, Topic.REVISED})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body. With nothing to say it is nil where `nil`, left out where `absent`."""

    kind: type
    nil: bool = False
    absent: bool = False


_TRANSCRIPT = {
    "turn_id": Field(str),
    "session": Field(str),
    "text": Field(str),
    "start": Field(float),
    "end": Field(float),
    "words": Field(list),
    "confidence": Field(float),
    "language": Field(str, absent=True),
    "backfill": Field(bool),
    "latency_ms": Field(dict),
}
_WORD = {
    "text": Field(str),
    "start": Field(float),
    "end": Field(float),
    "confidence": Field(float),
    "final": Field(bool),
    "speaker": Field(str, absent=True),
}
FIELDS: dict[Topic, dict[str, Field]] = {
    Topic.PARTIAL: _TRANSCRIPT,
    Topic.FINAL: _TRANSCRIPT,
    Topic.REVISED: _TRANSCRIPT,
    Topic.SOURCE: {
        "event": Field(str),
        "detail": Field(str, nil=True),
        "verdict": Field(str, nil=True),
    },
    Topic.UPSTREAM: {
        "event": Field(str),
        "session": Field(str, nil=True),
        "reason": Field(str, nil=True),
    },
    Topic.GAP: {
        "reason": Field(str),
        "samples": Field(int),
        "start": Field(float),
        "end": Field(float),
    },
    Topic.LEVEL: {
        "rms_dbfs": Field(float),
        "peak_dbfs": Field(float),
        "denoised_rms_dbfs": Field(float),
        "denoised_peak_dbfs": Field(float),
        "snr_db": Field(float, nil=True),
    },
    Topic.AUDIO: {
        "sample": Field(int),
        "start": Field(float),
        "rate_hz": Field(int),
        "pcm": Field(bytes),
    },
    Topic.SPECTRUM: {
        "start": Field(float),
        "low_hz": Field(float),
        "high_hz": Field(float),
        "bands_dbfs": Field(bytes),
        "denoised_bands_dbfs": Field(bytes),
    },
    Topic.FAULT: {
        "process": Field(str),
        "what": Field(str),
        "event": Field(str),
        "detail": Field(str),
    },
    Topic.STATUS: {},
}
"""What each topic's body adds to v, run, seq, time and (but for `status` and `fault`) source."""


def check(event: Event) -> None:
    """Check an event that is to be published, before it is given a number.

    Raises:
        WireError: a field is missing or of another type, or a count is negative.
    """
    if event.topic is None:
        return
    if event.topic not in DAEMON_WIDE and not event.source:
        raise WireError("field 'source' must not be empty")
    _ordered(event.body, FIELDS[event.topic])
    if event.topic in TRANSCRIPTS:
        for word in take(event.body, "words", list):
            _ordered(checked(word, "words", dict), _WORD)
        for stage, value in take(event.body, "latency_ms", dict).items():
            checked(value, f"latency_ms.{stage}", float)


def check_settlement(event: Event) -> None:
    """Check the sample numbers that an event settles.

    Raises:
        WireError: they are negative or run backwards.
    """
    settles = event.settles
    if settles is not None and not (0 <= settles.start <= settles.stop and settles.anchor >= 0):
        raise WireError(f"field 'settles' must be ascending sample numbers, not {settles}")


def complete(event: Event, run: str, seq: int, now: float) -> Body:
    """Return the body to publish of an event that passed `check`; `now` is UTC.

    `latency_ms` gets `publish`, the time since the service's answer arrived, and `total`, the sum.
    """
    if event.topic is None:
        raise ValueError("an event without a topic has nothing to publish")
    body: Body = {"v": PROTOCOL, "run": run, "seq": seq, "time": now}
    if event.topic not in DAEMON_WIDE:
        body["source"] = event.source
    inner = _ordered(event.body, FIELDS[event.topic])
    if event.topic in TRANSCRIPTS:
        words = cast("list[Body]", inner["words"])
        inner["words"] = [_ordered(word, _WORD) for word in words]
        inner["latency_ms"] = _latency(cast("Body", inner["latency_ms"]), event.received_at, now)
    # What publish itself says is not for a stage to overrule.
    return {**body, **{name: value for name, value in inner.items() if name not in body}}


def _ordered(body: Body, fields: dict[str, Field]) -> Body:
    """Return the fields in their order, then those that are not known."""
    result: Body = {}
    for name, known in fields.items():
        if body.get(name) is None and (known.nil or known.absent):
            if known.nil:
                result[name] = None
        else:
            result[name] = take(body, name, cast("type[object]", known.kind))
    result.update({name: value for name, value in body.items() if name not in fields})
    return result


def _latency(stages: Body, received_at: float, now: float) -> Body:
    """Return the trace with `publish` and `total`; milliseconds, none negative."""
    trace: dict[str, float] = {}
    for stage in STAGES:
        trace[stage] = _ms(stages.get(stage))
    trace.update({name: _ms(value) for name, value in stages.items() if name not in ("publish", "total")})
    trace["publish"] = _ms((now - received_at) * 1000 if received_at else 0.0)
    trace["total"] = round(sum(trace.values()), 3)
    return dict(trace)


def _ms(value: object) -> float:
    return round(max(0.0, checked(value or 0.0, "latency_ms", float)), 3)
