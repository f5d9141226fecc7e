"""The sockets are found where the daemon itself would put them."""

import os
import socket
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest

from heard.config import load
from heard_client.connect import Endpoints, check_endpoint, find_endpoints, probe
from heard_client.errors import DaemonNotRunningError, EndpointError


@pytest.fixture(name="environ")
def _environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    # What lies in /run and /etc of this machine is no business of the tests.
    monkeypatch.setattr(import_module("heard_client.connect"), "SYSTEM_RUNTIME_DIR", tmp_path / "system")
    (tmp_path / "config" / "heard" / "conf.d").mkdir(parents=True)
    return {"XDG_RUNTIME_DIR": "/run/user/7", "XDG_CONFIG_HOME": str(tmp_path / "config")}


def write(environ: dict[str, str], text: str, name: str = "heard.toml") -> Path:
    path = Path(environ["XDG_CONFIG_HOME"]) / "heard" / name
    path.write_text(text, encoding="utf-8")
    return path


def the_daemons(environ: dict[str, str]) -> Endpoints:
    """Return what the daemon would bind, from its own reading of the configuration."""
    settings = load(None, (), environ).settings
    return Endpoints(settings.control.endpoint, settings.publish.endpoint)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RUNTIME_DIRECTORY": "/run/heard"},
        {"RUNTIME_DIRECTORY": "/run/heard:/run/other"},
        {"HEARD_RUNTIME_DIR": "/srv/heard"},
        {"HEARD_RUNTIME_DIR": "~/heard", "HOME": "/home/you"},
        {"HEARD_RUNTIME_DIR": '"/srv/quoted"'},
        {"HEARD_CONTROL__ENDPOINT": "ipc:///srv/c"},
        {"HEARD_PUBLISH__ENDPOINT": "'ipc://{runtime_dir}/t'"},
    ],
)
def test_variables_count_as_they_do_for_the_daemon(
    environ: dict[str, str], variables: dict[str, str]
) -> None:
    """Each variable that moves the daemon's sockets moves the client's view of them alike."""
    environ |= variables
    assert find_endpoints(environ=environ) == the_daemons(environ)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'runtime_dir = "/srv/heard"',
        '[control]\nendpoint = "ipc://{runtime_dir}/c"\n[publish]\nendpoint = "ipc:///srv/t"',
        '\ufeffruntime_dir = "/srv/bom"',
    ],
)
def test_files_count_as_they_do_for_the_daemon(environ: dict[str, str], text: str) -> None:
    """The user's file, what lies beside it in conf.d, and a variable over both."""
    write(environ, text)
    assert find_endpoints(environ=environ) == the_daemons(environ)
    write(environ, 'runtime_dir = "/srv/second"', "conf.d/20-second.toml")
    write(environ, 'runtime_dir = "/srv/first"', "conf.d/10-first.toml")
    write(environ, 'runtime_dir = "/srv/editor"', "conf.d/.30-editor.toml")
    assert find_endpoints(environ=environ) == the_daemons(environ)
    environ["HEARD_PUBLISH__ENDPOINT"] = "ipc:///srv/last"
    assert find_endpoints(environ=environ) == the_daemons(environ)


def test_the_file_of_the_variable_comes_before_the_users(environ: dict[str, str], tmp_path: Path) -> None:
    """$HEARD_CONFIG names one file; the usual places are not looked at then."""
    write(environ, 'runtime_dir = "/srv/usual"')
    named = tmp_path / "named.toml"
    named.write_text('runtime_dir = "/srv/named"', encoding="utf-8")
    environ["HEARD_CONFIG"] = str(named)
    assert find_endpoints(environ=environ) == the_daemons(environ)
    assert find_endpoints(environ=environ).control == "ipc:///srv/named/control"


def test_what_is_given_needs_no_configuration(environ: dict[str, str]) -> None:
    """A broken file does not keep anybody from a daemon whose addresses they know."""
    write(environ, "this is not TOML")
    found = find_endpoints("tcp://127.0.0.1:7", "ipc:///srv/t", environ)
    assert found == Endpoints("tcp://127.0.0.1:7", "ipc:///srv/t")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("this is not TOML", "cannot be read"),
        ("runtime_dir = 3", "runtime_dir: must be text, not int"),
        ("control = 3", None),
        ('[control]\nendpoint = "heard"', "must be ipc:///ABSOLUTE/PATH or tcp://HOST:PORT"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(
    environ: dict[str, str], text: str, complaint: str | None
) -> None:
    """One line that names the file, or the address; the rest of the file is the daemon's business."""
    path = write(environ, text)
    if complaint is None:
        assert find_endpoints(environ=environ).control == "ipc:///run/user/7/heard/control"
        return
    with pytest.raises(EndpointError, match=complaint) as error:
        find_endpoints(environ=environ)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value) or "'heard'" in str(error.value)


def test_a_missing_named_file_is_an_error(environ: dict[str, str]) -> None:
    """Somebody named it: to look elsewhere would be a surprise."""
    environ["HEARD_CONFIG"] = "/nowhere/heard.toml"
    with pytest.raises(EndpointError, match=r"/nowhere/heard\.toml: cannot be read: No such file"):
        find_endpoints(environ=environ)


def test_without_a_daemon_of_ones_own_the_systems_is_found(environ: dict[str, str], tmp_path: Path) -> None:
    """Who is logged in has $XDG_RUNTIME_DIR; the service has its own directory."""
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "control").touch()
    assert find_endpoints(environ=environ).control == f"ipc://{tmp_path}/system/control"
    environ["HEARD_RUNTIME_DIR"] = "/srv/mine"
    assert find_endpoints(environ=environ).control == "ipc:///srv/mine/control"


@pytest.mark.parametrize(
    "endpoint",
    [
        "", "heard", "ipc://", "ipc://relative", "ipc:///a\0b", "tcp://", "tcp://host", "tcp://host:", "tcp://:1",
        "tcp://host:0", "tcp://host:65536", "tcp://host:x", "udp://host:1", "/run/heard/control",
        "ipc:///" + "a" * 107,
    ],
)  # fmt: skip
def test_addresses_that_zeromq_cannot_use_are_refused(endpoint: str) -> None:
    """ZeroMQ itself would say "Invalid argument", or nothing."""
    with pytest.raises(EndpointError):
        check_endpoint(endpoint)


@pytest.mark.parametrize("endpoint", ["ipc:///run/heard/control", "tcp://127.0.0.1:5555", "tcp://[::1]:5555"])
def test_addresses_that_it_can_use_pass(endpoint: str) -> None:
    """They come back as they are."""
    assert check_endpoint(endpoint) == endpoint


def test_a_probe_tells_a_listener_from_a_leftover(tmp_path: Path) -> None:
    """A socket file outlives a daemon that was killed."""
    path = tmp_path / "control"
    with pytest.raises(DaemonNotRunningError, match="no such socket; start it with `heard run`"):
        probe(f"ipc://{path}")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(os.fspath(path))
        listener.listen()
        probe(f"ipc://{path}")
    with pytest.raises(DaemonNotRunningError, match="connection refused"):
        probe(f"ipc://{path}")


def test_a_probe_works_over_tcp() -> None:
    """A port where nobody listens refuses at once."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
        probe(f"tcp://127.0.0.1:{port}")
    with pytest.raises(DaemonNotRunningError):
        probe(f"tcp://127.0.0.1:{port}")
