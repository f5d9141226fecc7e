"""`heard web`: what it refuses, how it ends, and what it costs where nobody looks."""

from __future__ import annotations

import http.client
import signal
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heard.cli import heard

from ...support.poll import until
from ...support.processes import started
from ...system.page import server
from ...system.running import command, folder

TOKEN = "a-token-of-the-tests-0123"  # noqa: S105


def _run(*options: str) -> Result:
    return CliRunner().invoke(heard, ["web", *options])


def _token(folder: Path, text: str = TOKEN, mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_text(f"{text}\n", encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0"])
def test_beyond_this_machine_a_token_is_needed(bind: str) -> None:
    """The sentence says why, and both of what would be right."""
    done = _run("--bind", bind)
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "--token-file FILE" in line
    assert "127.0.0.1:8787" in line


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [(TOKEN, 0o644, "mode 0644: must be 0600"), ("short", 0o600, "at least 16"), ("", 0o600, "at least 16")],
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, text: str, mode: int, says: str) -> None:
    """Before anything listens."""
    done = _run("--bind", "127.0.0.1:0", "--token-file", str(_token(tmp_path, text, mode)))
    assert (done.exit_code, done.stdout, says in done.stderr) == (2, "", True)
    assert TOKEN not in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--bind", "here"), 2, "must be HOST:PORT"),
        (("--token-file", "/nowhere/token"), 2, "/nowhere/token: cannot be read"),
        (("--endpoint", "here"), 2, "must be ipc:///ABSOLUTE/PATH"),
        (("--endpoint", "ipc:///nowhere/control"), 3, "heard is not running"),
    ],
)
def test_other_mistakes_are_one_line(options: tuple[str, ...], code: int, says: str) -> None:
    done = _run("--bind", "127.0.0.1:0", *options)
    assert (done.exit_code, says in done.stderr, len(done.stderr.splitlines())) == (code, True, 1)


def test_without_what_it_needs_one_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heard.cli.web.find_spec", lambda _name: None)
    done = _run()
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "pip install 'heard[web]'" in done.stderr


def test_a_port_that_is_taken_is_said() -> None:
    with folder() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sockets = ("--endpoint", f"ipc://{place}/c", "--transcripts", f"ipc://{place}/t")
        done = _run("--bind", f"127.0.0.1:{port}", *sockets)
        assert (done.exit_code, f"127.0.0.1:{port}: " in done.stderr) == (1, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_at_once_with_a_page_open(number: signal.Signals, code: int) -> None:
    """The viewer's stream is ended in order, and nothing is complained of."""
    with folder() as place, server(place) as (child, url):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        connection.request("GET", "/events")
        response = connection.getresponse()
        assert response.status == 200
        child.signal(number)
        assert b"event: now" in response.read()
        until(lambda: not child.running, 30, "the server to end")
        assert child.code == code
        # That no daemon came is said once more, where the machine is slow.
        lines = [line for line in child.complained().splitlines() if "no daemon: waiting" not in line]
        assert len(lines) == 1
        assert "the page waits for it" in lines[0]


def test_by_a_path_it_serves_a_proxy_of_the_same_user(tmp_path: Path) -> None:
    """Nobody else can connect, so no token is needed; the proxy's name has to be told."""
    with folder() as place:
        path = place / "web"
        sockets = ("--endpoint", f"ipc://{place}/c", "--transcripts", f"ipc://{place}/t")
        with started(
            command("web", "--bind", f"unix:{path}", "--host", "Studio.local", *sockets), limit_s=100
        ) as child:
            until(lambda: child.printed().endswith("\n"), 60, "the server to listen")
            assert child.printed() == f"listening on unix:{path}\n"
            assert path.stat().st_mode & 0o777 == 0o600
            assert [_status(path, host) for host in ("studio.local", "evil.example")] == [200, 421]


def _status(path: Path, host: str) -> int:
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", "/")
    return connection.getresponse().status
