"""A client's keys: found, checked, and asked for where they are needed."""

from pathlib import Path

import pytest
import zmq
import zmq.auth

from heard_client.connect import Endpoints, find_endpoints
from heard_client.control import Control
from heard_client.curve import Keys, find_keys, read_keys
from heard_client.errors import EndpointError
from heard_client.subscribe import Subscriber


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name in ("server", "laptop"):
        zmq.auth.create_certificates(tmp_path, name)
        (tmp_path / f"{name}.key_secret").chmod(0o600)
    return tmp_path


def test_they_are_found_as_the_configuration_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the file, and in variables over it; none is not an error yet."""
    monkeypatch.setenv("HOME", str(folder))
    config = folder / "heard.toml"
    config.write_text("")
    environ = {"HEARD_CONFIG": str(config), "HOME": str(folder)}
    assert find_keys(environ) is None
    config.write_text('[curve]\nserver_key_file = "~/nowhere"\nclient_key_file = "~/laptop.key_secret"\n')
    found = find_keys(environ | {"HEARD_CURVE__SERVER_KEY_FILE": str(folder / "server.key")})
    assert found == read_keys(folder / "server.key", folder / "laptop.key_secret")
    assert found is not None
    assert found.secret.decode() not in repr(found)


def test_one_of_two_is_an_error(folder: Path) -> None:
    """It says which one is missing."""
    environ = {"HEARD_CURVE__SERVER_KEY_FILE": str(folder / "server.key"), "HOME": str(folder)}
    with pytest.raises(EndpointError, match=r"curve\.client_key_file is not"):
        find_keys(environ)


def test_files_that_cannot_be_used_are_named(folder: Path) -> None:
    """Missing, without a key, public alone, open to others."""
    server, client = folder / "server.key", folder / "laptop.key_secret"
    with pytest.raises(EndpointError, match="nowhere: no such file"):
        read_keys(folder / "nowhere", client)
    with pytest.raises(EndpointError, match="holds a public key alone"):
        read_keys(server, folder / "laptop.key")
    client.chmod(0o640)
    with pytest.raises(EndpointError, match="mode 0640; must be 0600"):
        read_keys(server, client)
    client.chmod(0o600)
    server.write_text("public-key = short")
    with pytest.raises(EndpointError, match=r"server\.key: holds no key"):
        read_keys(server, client)
    server.write_text("nothing")
    with pytest.raises(EndpointError, match=r"server\.key: holds no key"):
        read_keys(server, client)


def test_tcp_without_keys_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """By both classes, with what to do."""
    monkeypatch.setenv("HEARD_CONFIG", "/dev/null")
    for make in (Control, Subscriber):
        with pytest.raises(EndpointError, match="give --server-key and --key, or set"):
            make("tcp://127.0.0.1:5570")


def test_what_the_daemon_listens_at_is_where_its_own_machine_finds_it(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Every address is the loopback one; any free port is for the running daemon to tell."""
    monkeypatch.setenv("HEARD_CONFIG", "/dev/null")
    monkeypatch.setenv("HEARD_CONTROL__ENDPOINT", "tcp://*:5570")
    monkeypatch.setenv("HEARD_PUBLISH__ENDPOINT", "tcp://[::1]:*")
    found = find_endpoints()
    assert found == Endpoints("tcp://127.0.0.1:5570", "tcp://[::1]:*")
    keys = read_keys(folder / "server.key", folder / "laptop.key_secret")
    with pytest.raises(EndpointError, match="any free port"):
        Subscriber(keys=keys)


def test_a_unix_socket_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read for it, not even a configuration that is broken."""
    monkeypatch.setenv("HEARD_CONFIG", "/nowhere/heard.toml")
    keys = Keys(*(zmq.curve_keypair()[0] for _ in range(3)))
    Control(f"ipc://{tmp_path}/control").close()
    Subscriber(f"ipc://{tmp_path}/transcripts", keys=keys).close()
