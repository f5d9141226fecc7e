"""What a start needs besides a right configuration: files."""

from __future__ import annotations

import dataclasses
import grp
import os
import sys
from pathlib import Path

import pytest

from heard.config import ConfigError, load, start_up_errors
from heard.settings import Control, Curve, Settings, Source, Upstream

from ...support.processes import run
from ...system.running import folder


def reading(path: Path | str) -> Settings:
    return Settings(source=(Source(name="tape", input="file", path=str(path)),))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Named with the source that wants it; a folder is none; a device needs none."""
    missing = tmp_path / "a.wav"
    assert start_up_errors(reading(missing)) == [f'source.tape.path = "{missing}": no such file']
    assert start_up_errors(reading(tmp_path)) == [
        f'source.tape.path = "{tmp_path}": is a directory; must be a file'
    ]
    missing.touch()
    assert start_up_errors(reading(missing)) == []
    under = missing / "b.wav"
    assert start_up_errors(reading(under)) == [f'source.tape.path = "{under}": no such file']
    (error,) = start_up_errors(reading("/" + "x" * 300))
    assert error.endswith("…: cannot be read: File name too long")
    assert start_up_errors(Settings(source=(Source(path=str(missing / "b")),))) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """With the command that mends it; only where the key would be used."""
    key = tmp_path / "key"
    key.write_text("hush")
    key.chmod(mode)
    settings = Settings(upstream=Upstream(service="assemblyai", api_key_file=str(key)))
    assert start_up_errors(settings) == [
        f'upstream.api_key_file = "{key}": others can read it, mode {mode:04o}; must be 0600: chmod 600 {key}'
    ]
    local = dataclasses.replace(settings, upstream=Upstream(api_key_file=str(key)))
    assert start_up_errors(local) == []
    key.chmod(0o600)
    assert start_up_errors(settings) == []


def test_a_key_file_may_be_missing_but_not_another_thing(tmp_path: Path) -> None:
    """A credential or the environment may hold the key instead; authorities have no other place."""
    missing = tmp_path / "none"
    upstream = Upstream(service="assemblyai", api_key_file=str(missing), ca_file=str(missing))
    assert start_up_errors(Settings(upstream=upstream)) == [f'upstream.ca_file = "{missing}": no such file']
    upstream = Upstream(service="assemblyai", api_key_file=str(tmp_path))
    assert start_up_errors(Settings(upstream=upstream)) == [
        f'upstream.api_key_file = "{tmp_path}": must be a file'
    ]


def test_all_of_them_at_once(tmp_path: Path) -> None:
    """One line each."""
    sources = tuple(Source(name=name, input="file", path=str(tmp_path / name)) for name in ("a", "b"))
    assert len(start_up_errors(Settings(source=sources))) == 2


AS_NOBODY = """
import os, sys
from heard.config import start_up_errors
from heard.settings import Settings, Source
if os.geteuid() == 0:
    os.setuid(65534)  # root may read everything
print(start_up_errors(Settings(source=(Source(name="tape", input="file", path=sys.argv[1]),)))[0])
"""


def test_a_file_that_may_not_be_read() -> None:
    """Said before a stage stumbles over it."""
    with folder() as place:
        place.chmod(0o711)
        path = place / "a.wav"
        path.touch(mode=0o200)
        finished = run([sys.executable, "-c", AS_NOBODY, path], limit_s=30)
        assert finished.stdout == f'source.tape.path = "{path}": cannot be read: Permission denied\n'


def guarded(folder: Path, group: str = "") -> Settings:
    """Return settings with a control socket over tcp://."""
    curve = Curve(secret_key_file=str(folder / "s.key_secret"), allowed_clients_dir=str(folder / "clients"))
    return Settings(control=Control(endpoint="tcp://127.0.0.1:5570"), curve=curve, socket_group=group)


def test_keys_that_tcp_needs(tmp_path: Path) -> None:
    """Both named where they are missing, and where others could read or add to them; with the cure."""
    secret, allowed = start_up_errors(guarded(tmp_path))
    assert secret.endswith('s.key_secret": no such file; `heard keygen --server` makes it')
    assert allowed.endswith('clients": no such folder; `heard keygen --client NAME` makes it')
    (tmp_path / "s.key_secret").touch(0o644)
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients").chmod(0o770)
    secret, allowed = start_up_errors(guarded(tmp_path))
    assert "others can read it, mode 0644; must be 0600" in secret
    assert "others could add a key, mode 0770; must be 0700" in allowed
    (tmp_path / "s.key_secret").chmod(0o600)
    (tmp_path / "clients").chmod(0o700)
    assert start_up_errors(guarded(tmp_path)) == []
    assert start_up_errors(dataclasses.replace(guarded(tmp_path / "x"), control=Control())) == []
    (tmp_path / "s.key_secret").rename(tmp_path / "clients.key_secret")
    (tmp_path / "clients").rmdir()
    (tmp_path / "clients").touch()
    assert any(error.endswith("must be a folder") for error in start_up_errors(guarded(tmp_path)))


def test_a_group_for_the_sockets() -> None:
    """It must exist; whether this user may use it is a matter of membership."""
    (error,) = start_up_errors(Settings(socket_group="no-such-group"))
    assert error == 'socket_group = "no-such-group": there is no such group'
    own = grp.getgrgid(os.getegid()).gr_name
    assert start_up_errors(Settings(socket_group=own)) == []


@pytest.mark.parametrize(
    ("publish", "control", "complaint"),
    [
        ("tcp://127.0.0.1:5571", "tcp://127.0.0.1:5571", "must differ from publish.endpoint"),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", None),
        ("tcp://localhost:5571", None, "must be tcp://ADDRESS:PORT"),
        ("tcp://*:5571", "tcp://*:5570", None),
    ],
)
def test_endpoints_over_tcp(tmp_path: Path, publish: str, control: str | None, complaint: str | None) -> None:
    """An address of this machine, and two different ports."""
    given = {"HEARD_PUBLISH__ENDPOINT": publish, "HEARD_CURVE__SECRET_KEY_FILE": "/k"}
    given |= {"HEARD_CURVE__ALLOWED_CLIENTS_DIR": f"{tmp_path}/c"}
    given |= {} if control is None else {"HEARD_CONTROL__ENDPOINT": control}
    if complaint is None:
        assert load(Path("/dev/null"), [], given).settings.curve.allowed_clients_dir == str(tmp_path / "c")
    else:
        with pytest.raises(ConfigError, match=complaint):
            load(Path("/dev/null"), [], given)
