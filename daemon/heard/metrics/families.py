"""Core: which figures there are, and what they are in a status map (docs/wire.md, Status).

Names and units as Prometheus asks (prometheus.io/docs/practices/naming): base units, `_total` for what only
grows. A state is a gauge for each value it can have, 1 for the one that holds. Counters begin anew with
each run, and those of a process with each start of it, as counters may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from heard.wire.codec import Body

Value = tuple[tuple[str, ...], float]
"""Values of the labels, in the family's order, and the figure."""

DAEMON_STATES = ("starting", "ready", "degraded", "draining")
PROCESS_STATES = ("starting", "ready", "backing-off", "failed", "stopping")
SOURCE_STATES = ("live", "muted", "lost", "ended")
SESSION_STATES = ("idle", "connecting", "open", "outage", "refused", "draining", "closed")
DROPPED = ("expired", "silence", "shutdown", "refused")
GAPS = ("device-lost", "xrun", "capture-restart")
"""Reasons that are told from the start as 0, so that the first drop is an increase that a rule can see."""
QUANTILES = {"p50": "0.5", "p99": "0.99"}


@dataclass(slots=True)
class Family:
    """One figure: `name` without the `_total` of a counter or the `_info` of an info.

    A summary has quantiles alone; `quantile` is one of its labels.
    """

    kind: Literal["counter", "gauge", "info", "summary"]
    name: str
    text: str
    labels: tuple[str, ...] = ()
    values: list[Value] = field(default_factory=list)

    def put(self, value: object, *labels: str) -> None:
        """Take a figure in; nothing where it is not known, such as the level of a source that is lost."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.values.append((labels, float(value)))

    def one_of(self, states: tuple[str, ...], holds: object, *labels: str) -> None:
        """Take a state in; one that this version does not know is told as well."""
        for state in states if holds in states or not isinstance(holds, str) else (*states, holds):
            self.put(float(state == holds), *labels, state)

    def told(self, *labels: str) -> None:
        """Take in what has no figure but 1."""
        self.put(1.0, *labels)


def families(status: Body) -> list[Family]:
    """Return every figure of a status, also those that have no value now."""
    return [*_daemon(status), *_processes(_maps(status.get("processes"))), *_sources(status)]


def _daemon(status: Body) -> Iterator[Family]:
    info = Family("info", "heard", "The daemon.", ("version", "protocol", "run"))
    info.told(*(str(status.get(name, "")) for name in info.labels))
    uptime = Family("gauge", "heard_uptime_seconds", "Since the run began.")
    uptime.put(status.get("uptime_s"))
    state = Family("gauge", "heard_state", "Whether the daemon is in this state.", ("state",))
    state.one_of(DAEMON_STATES, status.get("state"))
    fault = Family("gauge", "heard_fault", "What a process works around now.", ("process", "what"))
    faults = status.get("faults")
    found = [each for each in faults if isinstance(each, dict)] if isinstance(faults, list) else []
    for process, what in sorted({(str(each.get("process")), str(each.get("what"))) for each in found}):
        fault.told(process, what)
    count = Family("gauge", "heard_faults", "How many faults there are now.")
    count.put(len(found))
    publish = _map(status.get("publish"))
    published = Family("counter", "heard_published_messages", "Messages published in this run.")
    published.put(publish.get("published"))
    rows = Family("gauge", "heard_journal_rows", "Finals in the journal.")
    rows.put(publish.get("journal_rows"))
    yield from (info, uptime, state, fault, count, published, rows)


def _processes(processes: Mapping[str, Body]) -> Iterator[Family]:
    by = ("process",)
    state = Family(
        "gauge", "heard_process_state", "Whether the process is in this state.", ("process", "state")
    )
    restarts = Family("counter", "heard_process_restarts", "How often it was started again.", by)
    memory = Family("gauge", "heard_process_resident_memory_bytes", "Resident memory.", by)
    cpu = Family("counter", "heard_process_cpu_seconds", "User and system time since it was started.", by)
    events = Family(
        "counter",
        "heard_process_events",
        "What was dropped, could not be read, or is counted otherwise.",
        ("process", "event"),
    )
    for name, process in processes.items():
        state.one_of(PROCESS_STATES, process.get("state"), name)
        restarts.put(process.get("restarts"), name)
        memory.put(process.get("rss_bytes"), name)
        cpu.put(process.get("cpu_s"), name)
        for event, number in _map(process.get("counters")).items():
            events.put(number, name, event)
    yield from (state, restarts, memory, cpu, events)


def _sources(status: Body) -> Iterator[Family]:
    sources = _maps(status.get("sources"))
    yield from _captured(sources)
    yield from _ledger(sources)
    yield from _denoise(sources)
    yield from _upstream(sources)
    latency = Family(
        "summary",
        "heard_latency_seconds",
        "How long a stage holds a sample; total_sent and total from its capture on.",
        ("source", "stage", "quantile"),
    )
    for name, source in sources.items():
        for stage, quantiles in _maps(source.get("latency_ms")).items():
            for key, quantile in QUANTILES.items():
                latency.put(_seconds(quantiles.get(key)), name, stage, quantile)
    yield latency


def _captured(sources: Mapping[str, Body]) -> Iterator[Family]:
    by = ("source",)
    info = Family("info", "heard_source", "A source as it is configured.", ("source", "input", "device"))
    state = Family("gauge", "heard_source_state", "Whether the source is in this state.", ("source", "state"))
    rate = Family("gauge", "heard_source_rate_hertz", "Rate of its input.", by)
    level = Family("gauge", "heard_source_level_dbfs", "Root mean square as captured.", by)
    snr = Family("gauge", "heard_source_snr_decibels", "Estimated ratio of speech to noise.", by)
    xruns = Family("counter", "heard_source_xruns", "How often the device overran.", by)
    turns = Family("counter", "heard_source_turns", "Finals.", by)
    for name, source in sources.items():
        info.told(name, str(source.get("input", "")), str(source.get("device", "")))
        state.one_of(SOURCE_STATES, source.get("state"), name)
        rate.put(source.get("rate_hz"), name)
        level.put(source.get("level_dbfs"), name)
        snr.put(source.get("snr_db"), name)
        xruns.put(source.get("xruns"), name)
        turns.put(source.get("turns"), name)
    yield from (info, state, rate, level, snr, xruns, turns)


def _ledger(sources: Mapping[str, Body]) -> Iterator[Family]:
    by, why = ("source",), ("source", "reason")
    captured = Family("counter", "heard_captured_samples", "What the input delivered.", by)
    delivered = Family("counter", "heard_delivered_samples", "Sent to the service and settled.", by)
    pending = Family("gauge", "heard_pending_samples", "Retained, not settled yet.", by)
    dropped = Family("counter", "heard_dropped_samples", "Given up.", why)
    muted = Family("counter", "heard_muted_samples", "Time not captured, since it was not to be.", by)
    gaps = Family("counter", "heard_gap_samples", "Time that could not be captured.", why)
    for name, source in sources.items():
        ledger = _map(source.get("ledger"))
        captured.put(ledger.get("captured"), name)
        delivered.put(ledger.get("delivered"), name)
        pending.put(ledger.get("pending"), name)
        muted.put(ledger.get("muted"), name)
        for family, known, key in ((dropped, DROPPED, "dropped"), (gaps, GAPS, "gaps")):
            for reason, count in (dict.fromkeys(known, 0) | _map(ledger.get(key))).items():
                family.put(count, name, reason)
    yield from (captured, delivered, pending, dropped, muted, gaps)


def _denoise(sources: Mapping[str, Body]) -> Iterator[Family]:
    by = ("source",)
    info = Family("info", "heard_denoise", "The backend at work.", ("source", "backend", "noise"))
    mix = Family("gauge", "heard_denoise_mix_ratio", "0 dry, 1 fully denoised, as chosen.", by)
    now = Family("gauge", "heard_denoise_mix_now_ratio", "The mix at the newest sample.", by)
    delay = Family("gauge", "heard_denoise_delay_seconds", "By how much the output lags the input.", by)
    lowered = Family("gauge", "heard_denoise_reduction_decibels", "By how much the noise was lowered.", by)
    rtf = Family("gauge", "heard_denoise_realtime_ratio", "Computing time per second of audio.", by)
    for name, source in sources.items():
        denoise = _map(source.get("denoise"))
        info.told(name, str(denoise.get("backend", "")), str(denoise.get("noise", "")))
        mix.put(denoise.get("mix"), name)
        now.put(denoise.get("mix_now"), name)
        delay.put(_seconds(denoise.get("delay_ms")), name)
        lowered.put(denoise.get("reduction_db"), name)
        rtf.put(denoise.get("rtf"), name)
    yield from (info, mix, now, delay, lowered, rtf)


def _upstream(sources: Mapping[str, Body]) -> Iterator[Family]:
    by = ("source",)
    info = Family("info", "heard_upstream", "The service.", ("source", "service"))
    state = Family(
        "gauge", "heard_upstream_state", "Whether the session is in this state.", ("source", "state")
    )
    reconnects = Family("counter", "heard_upstream_reconnects", "Sessions opened because another broke.", by)
    rotations = Family("counter", "heard_upstream_rotations", "Sessions replaced before they expired.", by)
    backlog = Family("gauge", "heard_upstream_backlog_seconds", "Audio that waits to be sent.", by)
    for name, source in sources.items():
        upstream = _map(source.get("upstream"))
        info.told(name, str(upstream.get("service", "")))
        state.one_of(SESSION_STATES, upstream.get("state"), name)
        reconnects.put(upstream.get("reconnects"), name)
        rotations.put(upstream.get("rotations"), name)
        backlog.put(upstream.get("backlog_s"), name)
    yield from (info, state, reconnects, rotations, backlog)


def _map(value: object) -> Body:
    return value if isinstance(value, dict) else {}


def _maps(value: object) -> dict[str, Body]:
    return {name: each for name, each in _map(value).items() if isinstance(each, dict)}


def _seconds(ms: object) -> float | None:
    return round(ms / 1000, 6) if isinstance(ms, (int, float)) and not isinstance(ms, bool) else None
