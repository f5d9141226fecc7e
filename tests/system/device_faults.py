"""What may happen to a device, done to a real sound server, and what the daemon made of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..support.sound_server import SoundServer
from ..support.v3_server import v3_server
from .running import Body, Daemon, daemon

RATE_HZ = 16_000
DEVICE = "room.monitor"
NOTICED_S, RECOVERED_S = 2.0, 3.0
"""What must be reached."""
WAIT_S = 20.0
PATIENT = {"stall_ms": 15_000}
"""Of `capture`, where no loss is to be noticed: the sound server itself may stand still on a busy machine."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a device goes away, how it comes back, and how long it is away."""

    name: str
    cause: Callable[[SoundServer], None]
    cure: Callable[[SoundServer], None]
    away_s: float = 3.0


FAULTS = (
    Fault("unplugged", lambda server: server.unplug("room"), lambda server: server.plug("room")),
    Fault("server killed", SoundServer.kill, SoundServer.start),
    Fault("server hung", SoundServer.freeze, SoundServer.thaw, away_s=8.0),
    Fault("suspended", lambda server: server.suspend(True), lambda server: server.suspend(False)),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fault; times in seconds, None for what did not happen.

    noticed_s    from the moment before it was caused to `lost`
    recovered_s  from the moment before it was cured to `live`
    gap          what was told of the time in between
    heard        samples that were captured while the device was away
    caused_at    between which times (UTC) it was caused
    """

    noticed_s: float | None
    recovered_s: float | None
    gap: Body | None
    heard: int
    caused_at: tuple[float, float]


@contextmanager
def listening(
    server: SoundServer,
    *sources: dict[str, object],
    limit_s: float = 120.0,
    capture: Mapping[str, object] | None = None,
) -> Iterator[Daemon]:
    """Run the daemon on the sound server, with a service that accepts everything, until all are live."""
    off = {"backend": "off"}
    with v3_server() as service:
        env = {**server.environment(), "ASSEMBLYAI_API_KEY": "canary"}
        upstream = {"service": "assemblyai", "url": service.url, "sessions_per_minute": 1000}
        made = [{"input": "device", "denoise": off, **source} for source in sources]
        with daemon(made, env=env, limit_s=limit_s, upstream=upstream, capture=capture or {}) as heard:
            heard.wait_ready()
            yield heard


def outage(heard: Daemon, server: SoundServer, fault: Fault, source: str = "mic") -> Outcome:
    """Cause a fault, wait, cure it, and wait until the source is live again."""
    before = time.time()
    fault.cause(server)
    after = time.time()
    captured = heard.source(source)["ledger"]["captured"]
    # One that does not notice is not waited for longer than it could hope for.
    lost = first(heard, source, "lost", since=before, limit_s=NOTICED_S + 1)
    if lost is not None:
        # The message may come before the report that counts the last samples.
        heard.until(lambda: heard.source(source)["state"] == "lost", WAIT_S, "the status to say so")
        captured = heard.source(source)["ledger"]["captured"]
    heard.listen(max(0.0, fault.away_s - (time.time() - before)))
    captured_later = heard.source(source)["ledger"]["captured"]
    cured = time.time()
    fault.cure(server)
    live = None if lost is None else first(heard, source, "live", since=cured, limit_s=RECOVERED_S + 7)
    if live is not None:
        heard.until(lambda: _gaps(heard, source, before), WAIT_S, "the gap")
    return Outcome(
        None if lost is None else lost["time"] - before,
        None if live is None else live["time"] - cured,
        next(iter(_gaps(heard, source, before)), None),
        captured_later - captured,
        (before, after),
    )


def first(heard: Daemon, source: str, event: str, *, since: float, limit_s: float) -> Body | None:
    """Return the first such event of a source since then, None where none comes in time."""

    def found() -> list[Body]:
        bodies = heard.bodies(f"source.{source}")
        return [body for body in bodies if body["event"] == event and body["time"] >= since]

    try:
        heard.until(found, limit_s, f"{event} of {source}")
    except TimeoutError:
        return None
    return found()[0]


def _gaps(heard: Daemon, source: str, since: float) -> list[Body]:
    return [body for body in heard.bodies(f"gap.{source}") if body["time"] >= since]
