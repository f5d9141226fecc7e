"""Core: the runtime directory with its sockets, and the state directory."""

from __future__ import annotations

from dataclasses import dataclass

from heard.doctor.finding import Finding, fault, ok, skipped, warning
from heard.settings import WORKING_RATE_HZ, Settings

BYTES_PER_S = 2 * WORKING_RATE_HZ
JOURNAL_BYTES = 64 << 20
"""Room that the journal should have: years of talk, and what SQLite needs beside it."""
LEAST_BYTES = 1 << 20
SYSTEM_DIRECTORIES = ("/run/heard", "/var/lib/heard")
"""RuntimeDirectory= and StateDirectory= of the system's unit."""


@dataclass(frozen=True, slots=True)
class Directory:
    """What lies at a path.

    parent    the directory above it that exists, and whether we may make something there
    owner     name of who has it; `mine` whether that is us
    error     what writing a file there said, None where it went well
    free      bytes that we may use
    """

    path: str
    exists: bool
    parent: str = ""
    parent_writable: bool = False
    owner: str = ""
    mine: bool = True
    mode: int = 0o700
    is_directory: bool = True
    error: str | None = None
    free: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the control socket said.

    holder   process that holds the lock, None where nobody does
    command  of the holder, as `ps` shows it
    socket   whether there is a socket file
    error    why no daemon answered, None where one did
    unasked  why it could not even be asked, "" where it could
    """

    holder: int | None
    command: str = ""
    socket: bool = False
    error: str | None = None
    unasked: str = ""
    version: str = ""
    uptime_s: float = 0.0


def runtime_dir(found: Directory, settings: Settings) -> list[Finding]:
    """Judge the runtime directory: whose it is, and whether the audio that is retained fits there."""
    check = "runtime_dir"
    if refusal := _refusal(check, found):
        return [refusal]
    needed = retained_bytes(settings)
    if not found.exists:
        return [ok(check, f"{found.path} will be made, mode 0700")]
    if found.mode & 0o022:
        others = f"{found.path}: mode {found.mode:04o}: others could write there, so heard refuses it"
        return [fault(check, others, f"chmod 700 {found.path}")]
    if found.mode & 0o055:
        open_to = f"{found.path}: mode {found.mode:04o}: others can look into it"
        return [warning(check, open_to, f"chmod 700 {found.path}")]
    if found.free < LEAST_BYTES:
        return [fault(check, _full(found), f"df -h {found.path}; make room, or another runtime_dir")]
    if found.free < needed:
        little = (
            f"{_full(found)}; the retained audio needs {_size(needed)} ({settings.capture.retention_s:g} s)"
        )
        return [warning(check, little, "lower capture.retention_s, or make room")]
    return [ok(check, f"{found.path}, mode {found.mode:04o}, {_size(found.free)} free")]


def state_dir(found: Directory, settings: Settings) -> list[Finding]:
    """Judge the state directory: whether the journal, and the spool where there is one, can be written."""
    check = "state_dir"
    if refusal := _refusal(check, found):
        return [refusal]
    if not found.exists:
        return [ok(check, f"{found.path} will be made, mode 0700")]
    if found.mode & 0o022:
        others = f"{found.path}: mode {found.mode:04o}: others could write there, so heard refuses it"
        return [fault(check, others, f"chmod 700 {found.path}")]
    if found.free < LEAST_BYTES:
        return [fault(check, _full(found), f"df -h {found.path}; make room, or another state_dir")]
    spool = retained_bytes(settings) if settings.capture.spool == "disk" else 0
    needed = spool + (JOURNAL_BYTES if settings.publish.journal else 0)
    if found.free < needed:
        what = "the journal and the spool" if spool else "the journal"
        return [warning(check, f"{_full(found)}; {what} should have {_size(needed)}", f"df -h {found.path}")]
    return [ok(check, f"{found.path}, {_size(found.free)} free")]


def by_systemd(found: Directory) -> bool:
    """Whether it is a directory of the system's service, which is not there while that does not run."""
    return not found.exists and found.path in SYSTEM_DIRECTORIES


def will_be_made(check: str, found: Directory) -> Finding:
    """Say that the service's start makes a directory."""
    return ok(check, f"{found.path} is made by systemd when the service starts")


def control(found: Answer, installed: str) -> list[Finding]:
    """Judge the control socket: who has it, and whether it answers."""
    check = "control"
    if found.holder is None and found.unasked:
        return [skipped(check, f"whether a daemon runs is not for this user to see: {found.unasked}")]
    if found.holder is None:
        left = "; its socket is left over, and the next start replaces it" if found.socket else ""
        return [skipped(check, f"no daemon is running{left}")]
    who = f"process {found.holder}" + (f" ({found.command})" if found.command else "")
    if found.unasked:
        mine = "run the doctor as the user that heard runs as; over tcp:// with its keys (docs/security.md)"
        return [warning(check, f"{who} runs, and cannot be asked: {found.unasked}", mine)]
    if found.error is not None:
        return [
            fault(
                check,
                f"{who} holds the sockets, but: {found.error}",
                f"its log (journalctl -u heard -n 50); then kill {found.holder}, at worst kill -9",
            )
        ]
    if found.version != installed:
        other = f"{who} is heard {found.version}; installed is {installed}"
        return [warning(check, other, "restart it: systemctl restart heard")]
    return [ok(check, f"{who} answers, up for {_duration(found.uptime_s)}")]


def retained_bytes(settings: Settings) -> int:
    """Return what the retained audio of all sources takes."""
    return round(settings.capture.retention_s * BYTES_PER_S) * len(settings.source)


def _refusal(check: str, found: Directory) -> Finding | None:
    key = check
    if not found.exists:
        if found.error is not None:
            return fault(check, f"{found.path}: {found.error}", f"{key}: another directory, or that user's")
        if not found.parent_writable:
            return fault(
                check,
                f"{found.path} is not there, and {found.parent} is not ours to make it in",
                f'sudo install -d -o $USER -m 700 {found.path}; or {key} = "/a/directory/of/yours"',
            )
        return None
    if not found.is_directory:
        return fault(check, f"{found.path}: is not a directory", f"rm {found.path}, or another {key}")
    if not found.mine:
        return fault(
            check,
            f"{found.path} belongs to {found.owner}, so heard refuses it",
            f"sudo -u {found.owner} heard doctor, if that user runs heard; or another {key}",
        )
    if found.error is not None and found.free >= LEAST_BYTES:
        return fault(check, f"{found.path}: cannot be written: {found.error}", f"ls -ld {found.path}; mount")
    return None


def _full(found: Directory) -> str:
    return f"{found.path}: only {_size(found.free)} free"


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.{0 if count >= 10 * size else 1}f} {unit}"
    return f"{count} bytes"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
