"""`heard config` as a user runs it: outputs, exit codes, no traceback."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from pathlib import Path

import pytest

from ...support.processes import Finished, run


def heard(*words: str, **environ: str) -> Finished:
    """Run `heard config …`."""
    command = [sys.executable, "-m", "heard", "config", *words]
    return run(command, limit_s=100, env={**os.environ, **environ})


def written(folder: Path, text: str) -> str:
    path = folder / "heard.toml"
    path.write_text(text)
    return str(path)


def test_check_says_ok_and_what_it_read(tmp_path: Path) -> None:
    """On stdout; all files by name."""
    path = written(tmp_path, "[publish]\naudio = true\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.toml").touch()
    finished = heard("check", "--config", path)
    expected = f"{path}, {tmp_path}/conf.d/a.toml: ok\n"
    assert (finished.code, finished.stdout, finished.stderr) == (0, expected, "")
    finished = heard("check", HOME=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path), HEARD_CONFIG=path)
    assert finished.stdout == expected


def test_check_prints_every_error_and_exits_2(tmp_path: Path) -> None:
    """One line each on stderr, from all sources of values."""
    path = written(tmp_path, "[capture]\nblock_ms = 7\n[publish]\nendpont = ''\n")
    finished = heard("check", "--config", path, "--set", "log_level=loud", HEARD_CAPTURE__STALL_MS="x")
    assert (finished.code, finished.stdout) == (2, "")
    assert sorted(finished.stderr.splitlines()) == [
        'heard: $HEARD_CAPTURE__STALL_MS: capture.stall_ms = "x": must be a whole number from 100 to 60000',
        'heard: --set: log_level = "loud": must be "debug", "info", "warning" or "error"',
        f"heard: {path}: capture.block_ms = 7: must be 10, 20, 30 or 40",
        f"heard: {path}: publish.endpont: unknown key; did you mean endpoint?",
    ]


def test_check_looks_for_the_files_that_are_named(tmp_path: Path) -> None:
    """What `heard run` would stumble over is found here."""
    missing = tmp_path / "a.wav"
    finished = heard("check", "--set", "source.mic.input=file", "--set", f"source.mic.path={missing}")
    assert finished.code == 2
    assert finished.stderr == f'heard: source.mic.path = "{missing}": no such file\n'


def test_show_prints_what_is_in_force(tmp_path: Path) -> None:
    """TOML with every key, overrides included and secrets masked, that can be used as a file."""
    text = "[upstream.params]\nwebhook_auth_header_value = 'hush'\n"
    path = written(tmp_path, text)
    finished = heard("show", "--config", path, "--set", "source.mic.channel=2")
    assert (finished.code, finished.stderr) == (0, "")
    assert "hush" not in finished.stdout
    shown = tomllib.loads(finished.stdout)
    assert shown["source"][0]["channel"] == 2
    assert shown["upstream"]["params"] == {"webhook_auth_header_value": "****"}
    again = tmp_path / "again.toml"
    again.write_text(finished.stdout)
    assert tomllib.loads(heard("show", "--config", str(again)).stdout) == shown


def test_show_of_a_wrong_configuration_prints_its_errors() -> None:
    """Nothing half on stdout."""
    finished = heard("show", "--config", "/nonexistent/heard.toml")
    assert (finished.code, finished.stdout) == (2, "")
    assert finished.stderr == "heard: /nonexistent/heard.toml: cannot be read: No such file or directory\n"


def test_schema_is_json() -> None:
    """Whatever the configuration is, --config is taken as by the others."""
    finished = heard("schema", "--config", "/nonexistent")
    assert (finished.code, finished.stderr) == (0, "")
    schema = json.loads(finished.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "noisereduce" in finished.stdout


@pytest.mark.parametrize(
    ("words", "wrong"), [(("chekc",), "chekc"), (("check", "--confg", "x"), "--confg"), (("show", "x"), "x")]
)
def test_wrong_usage_is_exit_2(words: tuple[str, ...], wrong: str) -> None:
    """What was not understood is named; no traceback."""
    finished = heard(*words)
    assert (finished.code, finished.stdout) == (2, "")
    assert wrong in finished.stderr
    assert "Traceback" not in finished.stderr
