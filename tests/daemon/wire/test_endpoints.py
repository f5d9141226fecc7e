"""Directories and sockets are found alike by the daemon and its clients."""

from pathlib import Path

import pytest

from heard.wire.endpoints import CONTROL, expand, ipc_path, reachable, runtime_dir, state_dir, tcp_address


def test_the_runtime_directory() -> None:
    """What is configured, then systemd's, then the user's, then the system's."""
    environ = {"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/run/user/5"}
    assert runtime_dir(environ, "/x") == Path("/x")
    assert runtime_dir(environ) == Path("/run/a")
    del environ["RUNTIME_DIRECTORY"]
    assert runtime_dir(environ) == Path("/run/user/5/heard")
    assert runtime_dir({"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""}) == Path("/run/heard")


def test_the_state_directory() -> None:
    """The same order."""
    environ = {"STATE_DIRECTORY": "/var/a", "XDG_STATE_HOME": "/home/me/.state"}
    assert state_dir(environ, "/x") == Path("/x")
    assert state_dir(environ) == Path("/var/a")
    del environ["STATE_DIRECTORY"]
    assert state_dir(environ) == Path("/home/me/.state/heard")
    assert state_dir({}) == Path("/var/lib/heard")


def test_an_endpoint_is_filled_in() -> None:
    """Braces that mean something else are left alone."""
    assert expand(CONTROL, Path("/run/heard")) == "ipc:///run/heard/control"
    assert expand("ipc:///a/{b}", Path("/run")) == "ipc:///a/{b}"


def test_an_endpoint_is_an_ipc_path() -> None:
    """Absolute, and short enough for a unix socket."""
    assert ipc_path("ipc:///run/heard/control") == Path("/run/heard/control")
    for wrong in ("tcp://127.0.0.1:5", "ipc://relative", "/run/heard", "", "ipc://"):
        with pytest.raises(ValueError, match="must be ipc:// and an absolute path"):
            ipc_path(wrong)
    assert len(str(ipc_path("ipc:///" + "a" * 106))) == 107
    with pytest.raises(ValueError, match="path of 108 bytes; a unix socket takes 107"):
        ipc_path("ipc:///" + "a" * 107)


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("tcp://127.0.0.1:5570", ("127.0.0.1", 5570)),
        ("tcp://[::1]:5570", ("::1", 5570)),
        ("tcp://*:5570", ("", 5570)),
        ("tcp://127.0.0.1:*", ("127.0.0.1", 0)),
        ("tcp://127.0.0.1:0", ("127.0.0.1", 0)),
    ],
)
def test_a_tcp_endpoint_has_an_address_and_a_port(endpoint: str, address: tuple[str, int]) -> None:
    """Of this machine, so it is a number: libzmq takes a name for that of a network card."""
    assert tcp_address(endpoint) == address


@pytest.mark.parametrize(
    "endpoint",
    [
        *(
            "tcp://",
            "tcp://5570",
            "tcp://localhost:5570",
            "tcp://eth0:5570",
            "tcp://127.0.0.1:",
            "tcp://:5570",
        ),
        *(
            "tcp://127.0.0.1:65536",
            "tcp://127.0.0.1:-1",
            "tcp://127.0.0.1:x",
            "tcp://::1:5570",
            "tcp://[::1]",
        ),
        *(
            "tcp://[127.0.0.1]:5570",
            "tcp://127.0.0.1:5570;tcp://*:1",
            "udp://127.0.0.1:5570",
            "tcp://127.0.0.1:٣",
        ),
    ],
)
def test_what_is_no_address_to_listen_at_is_refused(endpoint: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match="must be tcp://ADDRESS:PORT"):
        tcp_address(endpoint)


def test_every_address_is_the_one_through_which_the_client_came() -> None:
    """0.0.0.0 can be listened at, but not be connected to."""
    assert reachable("tcp://0.0.0.0:5571", "tcp://192.0.2.7:5570") == "tcp://192.0.2.7:5571"
    assert reachable("tcp://[::]:5571", "tcp://[::1]:5570") == "tcp://[::1]:5571"
    assert reachable("tcp://0.0.0.0:5571", "ipc:///run/heard/control") == "tcp://127.0.0.1:5571"
    assert reachable("tcp://192.0.2.8:5571", "tcp://192.0.2.7:5570") == "tcp://192.0.2.8:5571"
    assert reachable("ipc:///run/t", "tcp://192.0.2.7:5570") == "ipc:///run/t"
