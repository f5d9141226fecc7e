"""`heard keygen`: the files it makes, the lines it prints, what it refuses."""

import stat
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq.auth

from heard.cli import main
from heard.config import load
from heard.guard import read_keys
from heard_client.curve import read_keys as read_client_keys


@dataclass
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


Keygen = Callable[..., Finished]


@pytest.fixture(name="keygen")
def _keygen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Keygen:
    """Return what runs `heard keygen` with its state below `tmp_path`."""
    monkeypatch.setenv("HEARD_CONFIG", "/dev/null")

    def keygen(*words: str) -> Finished:
        state = f"state_dir={tmp_path}/state"
        monkeypatch.setattr(sys, "argv", ["heard", "keygen", "--set", state, *words])
        code = main()
        shown = capsys.readouterr()
        return Finished(code, shown.out, shown.err)

    return keygen


def test_what_it_prints_is_a_configuration_that_works(keygen: Keygen, tmp_path: Path) -> None:
    """The daemon's lines and the client's, as they stand; secrets 0600, folders 0700."""
    server = keygen("--server")
    client = keygen("--client", "laptop")
    assert (server.code, client.code) == (0, 0), server.stderr + client.stderr
    config = tmp_path / "heard.toml"
    lines = [line.strip() for line in server.stdout.splitlines() if line.startswith("    ")]
    config.write_text("\n".join(lines))
    settings = load(config, [], {}).settings
    allowed = read_keys(settings.curve).allowed
    assert list(allowed.values()) == ["laptop"]
    keys = tmp_path / "state" / "keys"
    pair = read_client_keys(keys / "server.key", keys / "laptop.key_secret")
    assert pair.public in allowed
    assert pair.server == zmq.auth.load_certificate(keys / "server.key_secret")[0]
    for path in keys.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    _, _, configured = client.stdout.partition("heard.toml:")
    table = tomllib.loads("\n".join(line.strip() for line in configured.splitlines()))
    assert set(table["curve"]) == {"server_key_file", "client_key_file"}


def test_nothing_is_overwritten(keygen: Keygen, tmp_path: Path) -> None:
    """A key that clients have is not replaced by accident."""
    keygen("--server")
    before = (tmp_path / "state" / "keys" / "server.key").read_bytes()
    again = keygen("--server")
    assert again.code == 1
    assert "is there already" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    assert (tmp_path / "state" / "keys" / "server.key").read_bytes() == before


def test_it_works_while_the_configuration_waits_for_the_keys(keygen: Keygen, tmp_path: Path) -> None:
    """A tcp:// endpoint without keys is an error to everybody but to who makes them."""
    made = keygen("--set", "control.endpoint=tcp://127.0.0.1:5570", "--server")
    assert made.code == 0, made.stderr


def test_a_folder_of_ones_own(keygen: Keygen, tmp_path: Path) -> None:
    """--folder; the state directory is not touched."""
    assert keygen("--folder", str(tmp_path / "usb"), "--client", "a.b-c_9").code == 0
    assert (tmp_path / "usb" / "clients" / "a.b-c_9.key").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "give --server or --client NAME"),
        (("--server", "--client", "x"), "give --server or --client NAME"),
        (("--client", "../x"), "must be letters, digits"),
        (("--client", ""), "must be letters, digits"),
        (("--client", ".hidden"), "must be letters, digits"),
    ],
)
def test_wrong_words_are_one_line(keygen: Keygen, words: tuple[str, ...], complaint: str) -> None:
    """Exit 2."""
    finished = keygen(*words)
    assert finished.code == 2
    assert complaint in finished.stderr
    assert len(finished.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made(keygen: Keygen, tmp_path: Path) -> None:
    """One line with the reason."""
    (tmp_path / "state").write_text("a file")
    finished = keygen("--server")
    assert finished.code == 1
    assert "Not a directory" in finished.stderr
    assert len(finished.stderr.splitlines()) == 1
