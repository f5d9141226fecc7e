"""Core: messages of the daemon as events of the page (server-sent events with JSON in them)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from heard.wire.status import Status
from heard_client import Gap, Level, Missed, SourceEvent, Spectrum, Transcript, UpstreamEvent

View = Mapping[str, object]


def event(name: str, view: object) -> bytes:
    """Return one server-sent event.

    ASCII: a lone surrogate or a line separator in what was said cannot break the stream.

    Raises:
        ValueError: a number in it is none that JSON has.
    """
    return f"event: {name}\ndata: {json.dumps(view, allow_nan=False, separators=(',', ':'))}\n\n".encode()


def transcript(message: Transcript) -> View:
    """Return what the page shows of a turn."""
    speakers = dict.fromkeys(word.speaker for word in message.words if word.speaker)
    return {
        "source": message.source,
        "turn": message.turn_id,
        "text": message.text,
        "start": message.start,
        "end": message.end,
        "backfill": message.backfill,
        "speakers": list(speakers),
        "total_ms": message.latency_ms.total,
    }


def level(message: Level) -> View:
    """Return the meters of a source."""
    return {
        "source": message.source,
        "rms": message.rms_dbfs,
        "peak": message.peak_dbfs,
        "denoised_rms": message.denoised_rms_dbfs,
        "denoised_peak": message.denoised_peak_dbfs,
        "snr": message.snr_db,
    }


def spectrum(message: Spectrum) -> View:
    """Return a column of both spectrograms; the bands are base64."""
    return {
        "source": message.source,
        "start": message.start,
        "high_hz": message.high_hz,
        "low_hz": message.low_hz,
        "before": base64.b64encode(message.bands_dbfs).decode(),
        "after": base64.b64encode(message.denoised_bands_dbfs).decode(),
    }


def happening(message: SourceEvent | UpstreamEvent | Gap) -> View:
    """Return a line of what happened: to a source, to its session, to its audio."""
    match message:
        case SourceEvent():
            what, why = message.verdict or message.event, message.detail
            kind = "verdict" if message.verdict else "source"
        case UpstreamEvent():
            what, why, kind = message.event, message.reason or "", "upstream"
        case Gap():
            what, why, kind = "gap", f"{message.end - message.start:.2f} s lost: {message.reason}", "gap"
    return {"source": message.source, "time": message.time, "kind": kind, "what": what, "why": why}


def missed(told: Missed, now: float) -> View:
    """Return a line about turns that were said and cannot be had: the page has a hole there."""
    many = "an unknown number" if told.last is None else str(told.count)
    why = f"{many} cannot be had: {told.reason}"
    return {
        "source": told.topic.rpartition(".")[2],
        "time": now,
        "kind": "gap",
        "what": "captions missing",
        "why": why,
    }


def status(message: Status) -> View:
    """Return the status as the page shows it: all of the sources, of the processes their state."""
    return {
        "version": message.get("version", ""),
        "run": message.get("run", ""),
        "state": message.get("state", ""),
        "uptime_s": message.get("uptime_s", 0.0),
        "sources": message.get("sources", {}),
        "faults": message.get("faults", []),
        "processes": {
            name: {"state": process.get("state", ""), "restarts": process.get("restarts", 0)}
            for name, process in message.get("processes", {}).items()
        },
        "journal_rows": message.get("publish", {}).get("journal_rows", 0),
    }
