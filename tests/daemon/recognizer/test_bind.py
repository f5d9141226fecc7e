"""Addresses, and who may reach them."""

import socket
import stat
from pathlib import Path

import pytest

from heard.recognizer.bind import TcpAddress, UnixAddress, listen, read_address
from heard.recognizer.errors import StartError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", TcpAddress("127.0.0.1", 0)),
        ("[::1]:8765", TcpAddress("::1", 8765)),
        ("localhost:1", TcpAddress("localhost", 1)),
        ("unix:/run/x", UnixAddress(Path("/run/x"))),
    ],
)
def test_addresses_are_read(text: str, address: object) -> None:
    """Host and port, or a path."""
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "8765", ":8765", "host", "host:", "host:x", "host:65536", "host:-1", "unix:"]
)
def test_what_is_no_address_is_a_mistake_in_the_command(text: str) -> None:
    """The line says which forms there are."""
    with pytest.raises(StartError, match="must be HOST:PORT or unix:PATH") as caught:
        read_address(text)
    assert caught.value.exit_code == 2


def test_a_path_that_no_socket_can_have_is_refused() -> None:
    """The system's limit is 107 bytes."""
    with pytest.raises(StartError, match="at most 107 bytes"):
        read_address("unix:/" + "x" * 107)


EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is to be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "no-such-host.invalid"])
def test_others_are_let_in_only_with_a_key(host: str) -> None:
    """An address that is not known to be loopback needs a key."""
    with pytest.raises(StartError, match="give --key KEYFILE") as caught:
        listen(TcpAddress(host, 0), has_key=False)
    assert caught.value.exit_code == 2


def test_with_a_key_any_address_will_do() -> None:
    """The name tells the port that the system picked."""
    listener, name = listen(TcpAddress(EVERYWHERE, 0), has_key=True)
    with listener:
        assert name == f"ws://0.0.0.0:{listener.getsockname()[1]}"


def test_a_port_in_use_is_told_in_one_line() -> None:
    """It names the address."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"--bind 127.0.0.1:{port}: Address already in use"):
            listen(TcpAddress("127.0.0.1", port), has_key=False)


def test_a_unix_socket_is_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask was."""
    path = tmp_path / "s"
    listener, name = listen(UnixAddress(path), has_key=False)
    with listener:
        assert name == f"unix:{path}"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with pytest.raises(StartError, match="another process listens there"):
            listen(UnixAddress(path), has_key=False)


def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    """A killed server leaves its file behind."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener, _ = listen(UnixAddress(path), has_key=False)
    listener.close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """Someone's file is not ours to remove."""
    path = tmp_path / "s"
    path.write_text("mine")
    with pytest.raises(StartError, match="is no socket"):
        listen(UnixAddress(path), has_key=False)
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """One line."""
    with pytest.raises(StartError, match="No such file or directory"):
        listen(UnixAddress(tmp_path / "no" / "s"), has_key=False)
