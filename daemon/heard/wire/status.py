"""The status map (docs/wire.md, Status): the same from the op, the topic and `heardctl status`.

Each stage reports the part of a source's status that it knows; `supervise` merges the parts.
"""

from __future__ import annotations

from typing import TypedDict


class Ledger(TypedDict):
    """Counts of samples since the run began (docs/wire.md, Ledger)."""

    captured: int
    delivered: int
    pending: int
    dropped: dict[str, int]
    muted: int
    gaps: dict[str, int]


class DenoiseStatus(TypedDict):
    """What noise reduction does to a source."""

    backend: str
    mix: float
    noise: str
    adaptive: bool
    mix_now: float
    delay_ms: float
    reduction_db: float
    rtf: float


class UpstreamStatus(TypedDict):
    """The speech-to-text session of a source."""

    service: str
    state: str
    session: str | None
    reconnects: int
    rotations: int
    backlog_s: float
    error: str | None


class Quantiles(TypedDict):
    """Milliseconds that a stage held a sample, over the last minute or so."""

    p50: float
    p99: float


class SourceStatus(TypedDict):
    """One source."""

    state: str
    started: float | None
    input: str
    device: str
    rate_hz: int
    level_dbfs: float | None
    snr_db: float | None
    xruns: int
    ledger: Ledger
    denoise: DenoiseStatus
    upstream: UpstreamStatus
    latency_ms: dict[str, Quantiles]
    turns: int
    opened: str
    verdicts: list[str]


class ProcessStatus(TypedDict):
    """One process of the daemon."""

    pid: int | None
    state: str
    restarts: int
    rss_bytes: int
    cpu_s: float
    counters: dict[str, int]


class PublishStatus(TypedDict):
    """The publish socket and the journal."""

    endpoint: str
    published: int
    journal_rows: int
    seq: dict[str, int]


class Fault(TypedDict):
    """Something in the world that a process works around, such as a full disk."""

    process: str
    what: str
    detail: str
    since: float


class Status(TypedDict):
    """The whole map."""

    version: str
    protocol: int
    run: str
    uptime_s: float
    state: str
    processes: dict[str, ProcessStatus]
    sources: dict[str, SourceStatus]
    publish: PublishStatus
    faults: list[Fault]
