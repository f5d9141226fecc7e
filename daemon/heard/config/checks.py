"""The rules of the configuration that a value's type does not say; and what a start needs besides.

`check` looks at nothing but the settings. `start_up_errors` looks at the machine.
"""

from __future__ import annotations

import grp
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit

from heard.config.errors import Keys, either, shown
from heard.config.serving import metrics_fault
from heard.settings import DEFAULT_MIX, Settings
from heard.wire.endpoints import ipc_path, tcp_address
from heard.wire.v3_params import RULES, check_params

Complaint = tuple[Keys, str, str]
"""Where, the value as it is shown, and what it must be."""

SOURCE_NAME = r"[a-z0-9-]{1,32}"
KEY_FILE_MODE = 0o600
LEAST_IDLE_S = 10.0
"""A room's noise is known from its last 8 s, in which nobody may have spoken."""
NOISES = ("tracked", "learned")
"""What a source's noise may be beside a file."""
OWN_SOCKETS = ("raw", "clean", "events", "acks", "positions", "reports", "recognizer")
"""Names in the runtime directory that the daemon's own pipes have."""


def backends() -> list[str]:
    """Return the names that a source's denoise.backend accepts: our own and those of installed plug-ins."""
    found = dict.fromkeys(["off", *DEFAULT_MIX])
    found.update(dict.fromkeys(sorted(entry_points(group="heard.denoise").names)))
    return list(found)


def check(settings: Settings) -> Iterator[Complaint]:
    """Yield what is wrong with settings whose paths are absolute and whose endpoints are filled in."""
    yield from _endpoints(settings)
    yield from _metrics(settings)
    yield from _upstream(settings)
    yield from _sources(settings)


def start_up_errors(settings: Settings) -> list[str]:
    """Return what would stop a start: files that are missing or unfit, one line each."""
    errors: list[str] = []

    def look(where: str, path: str, fault: Callable[[Path], str]) -> None:
        if message := fault(Path(path)):
            errors.append(f"{where} = {shown('', path)}: {message}")

    for source in settings.source:
        if source.input == "file":
            look(f"source.{source.name}.path", source.path, _unreadable)
    if settings.socket_group and (fault := _no_member(settings.socket_group)):
        errors.append(f"socket_group = {shown('', settings.socket_group)}: {fault}")
    if any(each.startswith("tcp://") for each in (settings.publish.endpoint, settings.control.endpoint)):
        look("curve.secret_key_file", settings.curve.secret_key_file, _exposed_key)
        look("curve.allowed_clients_dir", settings.curve.allowed_clients_dir, _no_allow_list)
    upstream = settings.upstream
    if upstream.service == "assemblyai":
        if upstream.api_key_file:
            look("upstream.api_key_file", upstream.api_key_file, _exposed)
        if upstream.ca_file:
            look("upstream.ca_file", upstream.ca_file, _unreadable)
    return errors


def _unreadable(path: Path) -> str:
    try:
        if path.is_dir():
            return "is a directory; must be a file"
        if not path.exists():
            return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if os.access(path, os.R_OK) else "cannot be read: Permission denied"


def _exposed_key(path: Path) -> str:
    # A name that is too long is told by the other one.
    missing = not os.path.lexists(path)
    return "no such file; `heard keygen --server` makes it" if missing else _exposed(path)


def _no_allow_list(path: Path) -> str:
    """Return what is wrong with the folder that says who may connect."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return "no such folder; `heard keygen --client NAME` makes it"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "must be a folder"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return (
            f"others could add a key, mode {stat.S_IMODE(found.st_mode):04o}; must be 0700: chmod 700 {path}"
        )
    return "" if os.access(path, os.R_OK | os.X_OK) else "cannot be read: Permission denied"


def _no_member(group: str) -> str:
    """Return why this process cannot give a file to the group."""
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return "there is no such group"
    if os.geteuid() == 0 or number in {os.getegid(), *os.getgroups()}:
        return ""
    return "must be a group that the daemon's user is in (or run as root)"


def _exposed(path: Path) -> str:
    """Return what is wrong with a key file; a missing one may be made up for by another source of the key."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return "must be a file"
    if found.st_mode & 0o077:
        return f"others can read it, mode {stat.S_IMODE(found.st_mode):04o}; must be 0600: chmod 600 {path}"
    return "" if os.access(path, os.R_OK) else "cannot be read: Permission denied"


def _endpoints(settings: Settings) -> Iterator[Complaint]:
    taken: list[Path | tuple[str, int]] = []
    longest = f"ipc://{settings.runtime_dir}/transcripts"
    endpoints = {"publish": settings.publish.endpoint, "control": settings.control.endpoint}
    inside = any(endpoint.startswith(f"ipc://{settings.runtime_dir}/") for endpoint in endpoints.values())
    if not inside and (fault := _endpoint_fault(longest, settings)):
        yield ("runtime_dir",), shown("", settings.runtime_dir), fault
    own = {Path(settings.runtime_dir) / name for name in OWN_SOCKETS}
    for section, endpoint in endpoints.items():
        at = (section, "endpoint")
        if fault := _endpoint_fault(endpoint, settings):
            yield at, shown("", endpoint), fault
            continue
        place = tcp_address(endpoint) if endpoint.startswith("tcp://") else ipc_path(endpoint)
        if place in own:
            yield at, shown("", endpoint), "is a socket of the daemon's own; must have another name"
        elif place in taken and not (isinstance(place, tuple) and place[1] == 0):
            yield at, shown("", endpoint), "must differ from publish.endpoint"
        taken.append(place)


def _endpoint_fault(endpoint: str, settings: Settings) -> str:
    try:
        if not endpoint.startswith("tcp://"):
            ipc_path(endpoint)
            return ""
        tcp_address(endpoint)
    except ValueError as error:
        message = str(error)
        return message if message.startswith("must") else f"must be shorter: {message}"
    curve = settings.curve
    lacking = [
        f"curve.{name}"
        for name, value in (
            ("secret_key_file", curve.secret_key_file),
            ("allowed_clients_dir", curve.allowed_clients_dir),
        )
        if not value
    ]
    if lacking:
        return (
            f"must be ipc://, or have {' and '.join(lacking)}: over tcp:// only clients with a listed key "
            "may connect; `heard keygen --server` and `heard keygen --client NAME` make the keys"
        )
    return ""


def _metrics(settings: Settings) -> Iterator[Complaint]:
    endpoint = settings.metrics.endpoint
    own = [f"ipc://{settings.runtime_dir}/{name}" for name in OWN_SOCKETS]
    if fault := metrics_fault(endpoint, [*own, settings.publish.endpoint, settings.control.endpoint]):
        yield ("metrics", "endpoint"), shown("", endpoint), fault


def _upstream(settings: Settings) -> Iterator[Complaint]:
    upstream = settings.upstream
    yield from _url(upstream.url)
    if not upstream.speech_model.strip():
        yield ("upstream", "speech_model"), shown("", upstream.speech_model), "must name a model"
    if 0 < upstream.idle_close_s < LEAST_IDLE_S:
        value = shown("", upstream.idle_close_s)
        yield ("upstream", "idle_close_s"), value, f"must be 0 (never) or at least {LEAST_IDLE_S:g}"
    at = ("upstream", "params")
    right: dict[str, object] = {}
    for name, param in upstream.params.items():
        rule = RULES.get(name)
        if rule is None or rule.holds(param):
            right[name] = param
        else:
            yield (*at, name), shown(name, param), f"must be {rule.wants}"
    # What is left contradicts another parameter.
    for message in check_params(right):
        yield at, "", message


def _url(address: str) -> Iterator[Complaint]:
    at = ("upstream", "url")
    try:
        url = urlsplit(address)
        usable = url.scheme in ("ws", "wss") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        usable = False
    value = shown("url", address)
    if not usable:
        yield at, value, 'must be ws:// or wss:// and a host, as in "wss://streaming.assemblyai.com/v3/ws"'
    elif url.query or url.fragment or url.username or url.password:
        # The value itself may hold a key: it is not shown.
        yield at, "", "must hold neither a key nor parameters; these belong in [upstream.params]"


def _sources(settings: Settings) -> Iterator[Complaint]:
    known = backends()
    names = Counter(source.name for source in settings.source)
    stdin = 0
    for index, source in enumerate(settings.source):
        at = ("source", index)
        value = shown("", source.name)
        if not re.fullmatch(SOURCE_NAME, source.name):
            yield (*at, "name"), value, "must be 1 to 32 of a-z, 0-9 and '-'"
        elif names[source.name] > 1:
            names[source.name] = 0
            yield (*at, "name"), value, "must differ from the other sources' names"
        if source.input == "file" and not source.path:
            yield (*at, "path"), shown("", source.path), 'must name a file, since input = "file"'
        stdin += source.input == "stdin"
        if source.input == "stdin" and stdin > 1:
            yield (*at, "input"), shown("", source.input), "must not be stdin for more than one source"
        noise = source.denoise.noise
        if noise not in NOISES and not noise.startswith("/"):
            wants = "must be tracked, learned, or the absolute path of a WAV file"
            yield (*at, "denoise", "noise"), shown("", noise), wants
        if source.denoise.backend not in known:
            yield (*at, "denoise", "backend"), shown("", source.denoise.backend), f"must be {either(known)}"
