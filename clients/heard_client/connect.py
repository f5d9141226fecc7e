"""Where the daemon's sockets are, found as the daemon itself finds them.

Only the keys that matter to a client are read from its configuration (`_KEYS`). What is wrong with the rest
is the daemon's to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from heard.wire import endpoints
from heard_client.errors import DaemonNotRunningError, EndpointError

SYSTEM_CONFIG = Path("/etc/heard/heard.toml")
SYSTEM_RUNTIME_DIR = Path("/run/heard")
PROBE_S = 2.0

_KEYS = (
    "runtime_dir",
    "control.endpoint",
    "publish.endpoint",
    "curve.server_key_file",
    "curve.client_key_file",
)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of the control socket and of the publish socket."""

    control: str
    transcripts: str


def find_endpoints(
    control: str | None = None,
    transcripts: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Endpoints:
    """Return the addresses: those given, else those of the daemon's configuration.

    The configuration is the first of `$HEARD_CONFIG`, `$XDG_CONFIG_HOME/heard/heard.toml` and
    `/etc/heard/heard.toml`, with `conf.d` beside it, overridden by `HEARD_…` variables. Where it names no
    runtime directory and a user's own daemon is not there, the system's daemon is looked for.

    environ: variables to read instead of the process's own.

    Raises:
        EndpointError: an address cannot be used, or a configuration file cannot be read.
    """
    environ = os.environ if environ is None else environ
    if control is not None and transcripts is not None:
        return Endpoints(check_endpoint(control), check_endpoint(transcripts))
    found_keys = configured(environ)
    own = found_keys.get("runtime_dir", "")
    directory = endpoints.runtime_dir(environ, own and os.path.expanduser(own)).absolute()  # noqa: PTH111  # a "~" without a home stays
    named = own or environ.get("RUNTIME_DIRECTORY")
    if not named and not _lies(directory / "control") and _lies(SYSTEM_RUNTIME_DIR / "control"):
        directory = SYSTEM_RUNTIME_DIR
    found = control or found_keys.get("control.endpoint") or endpoints.CONTROL
    published = transcripts or found_keys.get("publish.endpoint") or endpoints.TRANSCRIPTS
    return Endpoints(_told(endpoints.expand(found, directory)), _told(endpoints.expand(published, directory)))


def check_endpoint(endpoint: str) -> str:
    """Return `endpoint` if ZeroMQ can connect to it.

    Raises:
        EndpointError: it is neither ipc://PATH nor tcp://HOST:PORT, or the path is too long.
    """
    scheme, _, rest = endpoint.partition("://")
    if scheme == "ipc" and rest.startswith("/") and "\0" not in rest:
        if len(os.fsencode(rest)) > endpoints.IPC_PATH_LIMIT:
            raise EndpointError(
                f"{endpoint}: path of {len(os.fsencode(rest))} bytes; a unix socket takes "
                f"{endpoints.IPC_PATH_LIMIT}"
            )
        return endpoint
    if scheme == "tcp" and _host_and_port(rest):
        return endpoint
    raise EndpointError(f"{endpoint!r}: must be ipc:///ABSOLUTE/PATH or tcp://HOST:PORT")


def _told(endpoint: str) -> str:
    """Return how a client on the daemon's machine reaches an endpoint that the daemon's configuration names.

    One at any free port (`tcp://127.0.0.1:*`) stays as it is: the daemon alone knows the port (`hello`).
    """
    there = endpoints.reachable(endpoint, "")
    return there if there.startswith("tcp://") and there.endswith((":*", ":0")) else check_endpoint(there)


def probe(endpoint: str) -> None:
    """Return if somebody listens at `endpoint`; ZeroMQ itself would wait for it in silence.

    Raises:
        DaemonNotRunningError: nobody does.
        EndpointError: the socket is there but not for this user.
    """
    import socket  # noqa: PLC0415  # a subscriber needs neither this nor TOML: its start is not held up

    scheme, _, rest = endpoint.partition("://")
    try:
        if scheme == "ipc":
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
                connection.settimeout(PROBE_S)
                connection.connect(rest)
        elif address := _host_and_port(rest):
            socket.create_connection(address, timeout=PROBE_S).close()
    except PermissionError:
        raise EndpointError(f"{endpoint}: not for this user; {_owner(rest)}") from None
    except OSError as error:
        reason = "no such socket" if isinstance(error, FileNotFoundError) else error.strerror or "no answer"
        raise DaemonNotRunningError(
            f"heard is not running: {endpoint}: {reason.lower()}; start it with `heard run`"
        ) from None


def _lies(path: Path) -> bool:
    """Return whether `path` is there; in another user's private directory nothing is, for us."""
    try:
        return path.exists()
    except OSError:
        return False


def _host_and_port(rest: str) -> tuple[str, int] | None:
    host, _, port = rest.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65536:
        return None
    return host.strip("[]"), int(port)


def _owner(path: str) -> str:
    try:
        return f"it belongs to {Path(path).owner()}"
    except (OSError, KeyError):
        return "run this as the user that heard runs as"


def configured(environ: Mapping[str, str]) -> dict[str, str]:
    """Return those of the daemon's keys that matter to a client, as far as files or environment set them.

    Raises:
        EndpointError: a configuration file cannot be read.
    """
    found: dict[str, str] = {}
    for path in _files(environ):
        found |= _read(path)
    for key in _KEYS:
        name = "HEARD_" + key.upper().replace(".", "__")
        if name in environ:
            found[key] = _unquoted(environ[name])
    return found


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files of the daemon's configuration, in the order in which they override each other."""
    main = next((path for path in _usual(environ) if path.exists() or path.is_symlink()), None)
    if given := environ.get("HEARD_CONFIG"):
        main = Path(given)
    if main is None:
        return
    yield main
    # What begins with a dot is an editor's.
    yield from sorted(path for path in (main.parent / "conf.d").glob("*.toml") if path.name[0] != ".")


def _usual(environ: Mapping[str, str]) -> Iterator[Path]:
    if base := environ.get("XDG_CONFIG_HOME"):
        yield Path(base) / "heard/heard.toml"
    elif home := environ.get("HOME"):
        yield Path(home) / ".config/heard/heard.toml"
    yield SYSTEM_CONFIG


def _read(path: Path) -> dict[str, str]:
    """Return those of `_KEYS` that one file sets.

    Raises:
        EndpointError: it cannot be read, is not TOML, or gives one of them a value that is no text.
    """
    import tomllib  # noqa: PLC0415  # see probe

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise EndpointError(f"{path}: cannot be read: {why}; or give --endpoint") from None
    found = {}
    for key in _KEYS:
        section, _, name = key.rpartition(".")
        table = content.get(section, {}) if section else content
        value = table.get(name) if isinstance(table, dict) else None
        if isinstance(value, str):
            found[key] = value
        elif value is not None:
            raise EndpointError(f"{path}: {key}: must be text, not {type(value).__name__}")
    return found


def _unquoted(text: str) -> str:
    """Return a variable's value; the daemon reads it as TOML where it is TOML."""
    import tomllib  # noqa: PLC0415  # see probe

    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return value if isinstance(value, str) else text
