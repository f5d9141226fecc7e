"""What a start needs besides a right configuration: files."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from heard.config import start_up_errors
from heard.settings import Settings, Source, Upstream

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
