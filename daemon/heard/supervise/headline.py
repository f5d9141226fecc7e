"""Core: the state of the daemon in one line, as `systemctl status` and the log show it."""

from __future__ import annotations

from heard.wire.status import SourceStatus, Status


def describe(status: Status) -> str:
    """Return the state of the daemon and of each source, and what is at fault; never two lines."""
    return _line(status, [_source(name, source) for name, source in status["sources"].items()])


def describe_states(status: Status) -> str:
    """Return the same without what changes by itself all the time."""
    return _line(
        status,
        [
            f"{name} {source['state']} ({source['upstream']['state']})"
            for name, source in status["sources"].items()
        ],
    )


def _line(status: Status, sources: list[str]) -> str:
    down = [
        f"{name} {process['state']}"
        for name, process in status["processes"].items()
        if process["state"] != "ready" and status["state"] == "degraded"
    ]
    faults = [f"{fault['what']}: {fault['detail']}" for fault in status["faults"]]
    return " ".join("; ".join([f"{status['state']}: {', '.join(sources)}", *down, *faults]).split())


def _source(name: str, source: SourceStatus) -> str:
    """Return for example "mic live at -31 dBFS, upstream outage (refused), 41 s kept, 12 turns"."""
    level = source["level_dbfs"]
    upstream = source["upstream"]
    said = f"{name} {source['state']}" + (f" at {level:.0f} dBFS" if level is not None else "")
    said += f" (upstream {upstream['state']}"
    if upstream["error"] and upstream["state"] != "open":
        said += f": {upstream['error']}"
    if upstream["backlog_s"] >= 1:
        said += f", {upstream['backlog_s']:.0f} s to be sent"
    turns = source["turns"]
    return f"{said}, {turns} turn{'' if turns == 1 else 's'})"
