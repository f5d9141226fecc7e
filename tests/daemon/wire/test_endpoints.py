"""Directories and sockets are found alike by the daemon and its clients."""

from pathlib import Path

import pytest

from heard.wire.endpoints import CONTROL, expand, ipc_path, runtime_dir, state_dir


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
