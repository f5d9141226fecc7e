"""The key is found where the contract says, and shown nowhere."""

import json
import logging
import sys
from pathlib import Path

import pytest

from heard.upstream.key import CREDENTIAL, VARIABLE, Key, KeyUnusableError, Scrub, find

from ...support.processes import run


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file with a mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_credential_comes_first_then_the_file_then_the_environment(tmp_path: Path) -> None:
    """Each stripped of what an editor leaves at the end."""
    written(tmp_path / CREDENTIAL, "from-credential\n", 0o400)
    path = str(written(tmp_path / "key", "  from-file\r\n"))
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), VARIABLE: "from-environment"}
    assert find(path, environ).reveal() == "from-credential"
    assert find(path, {VARIABLE: "from-environment"}).reveal() == "from-file"
    assert find("", {VARIABLE: "from-environment"}).reveal() == "from-environment"
    assert find("/nonexistent", {VARIABLE: "from-environment"}).reveal() == "from-environment"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """With the mode it has and the mode it should have."""
    path = written(tmp_path / "key", "secret", mode)
    with pytest.raises(KeyUnusableError, match=f"mode {mode:04o}: must be 0600"):
        find(str(path), {})


@pytest.mark.parametrize("text", ["", " \n", "two words", "line\nbreak", "käse", "tab\tbed"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    """It goes into a header."""
    path = written(tmp_path / "key", text)
    with pytest.raises(KeyUnusableError) as caught:
        find(str(path), {})
    assert not text.strip() or text.strip() not in str(caught.value)


def test_bytes_that_are_no_text_and_a_folder_are_refused(tmp_path: Path) -> None:
    """In one line."""
    path = tmp_path / "key"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(KeyUnusableError, match="not text"):
        find(str(path), {})
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        find(str(folder), {})


def test_a_path_that_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    """Below a file there is nothing to look at; a name may be too long."""
    with pytest.raises(KeyUnusableError, match="cannot be read"):
        find(str(tmp_path / ("x" * 300)), {})


def test_no_key_names_the_places(tmp_path: Path) -> None:
    """And says which file is not there."""
    with pytest.raises(
        KeyUnusableError, match=f"credential {CREDENTIAL}, upstream.api_key_file or .{VARIABLE}"
    ):
        find("", {})
    with pytest.raises(KeyUnusableError, match="nowhere does not exist"):
        find(str(tmp_path / "nowhere"), {})


def test_a_key_shows_itself_to_nobody() -> None:
    """Neither as text nor in a container."""
    key = Key("hush-hush")
    assert "hush" not in f"{key} {key!r} {[key]}"
    assert key == Key("hush-hush")
    assert key.scrub("Invalid key hush-hush!") == "Invalid key ***!"


def test_a_key_that_is_cut_short_is_masked() -> None:
    """A close reason has 123 bytes: what is left of the key at its end is masked; a short likeness is not."""
    key = Key("hush-hush-0123")
    assert key.scrub("Invalid key hush-hush-01") == "Invalid key ***"
    assert key.scrub("Invalid key hush-hu") == "Invalid key hush-hu"
    assert key.scrub("hush-hush-0123 and hush-hush") == "*** and ***"


@pytest.mark.parametrize("secret", ["hush-hush", "hush/hush", 'hush"hush', "hush\\hush"])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_key_in_json_is_masked_however_it_is_written(secret: str, escaped: bool) -> None:
    """Plain, or with every character as an escape; the rest of the message is as it was."""
    written = "".join(f"\\u{ord(each):04x}" for each in secret) if escaped else json.dumps(secret)[1:-1]
    message = f'{{"type":"Error","error":"key {written}: \\u00e9\\/"}}'.encode()
    assert json.loads(message)["error"] == f"key {secret}: é/"
    assert json.loads(Key(secret).scrub_json(message)) == {"type": "Error", "error": "key ***: é/"}


@pytest.mark.parametrize("message", [b"\\", b'{"a":"\\ud800"}', b"[" * 100_000 + b"\\", b"\xff\\ hush-hush"])
def test_what_is_no_json_is_left_for_the_reader_of_messages(message: bytes) -> None:
    """Nothing is raised; the key is not in it either."""
    assert b"hush-hush" not in Key("hush-hush").scrub_json(message)


def test_the_log_is_scrubbed(caplog: pytest.LogCaptureFixture) -> None:
    """Messages, arguments and traces."""
    log = logging.getLogger("heard.test")
    caplog.handler.addFilter(scrub := Scrub(Key("hush-hush")))
    try:
        log.warning("header %s", {"Authorization": "hush-hush"})
        try:
            int("hush-hush is wrong")
        except ValueError:
            log.exception("so it goes")
    finally:
        caplog.handler.removeFilter(scrub)
    assert "hush-hush" not in caplog.text
    assert "*** is wrong" in caplog.text


def test_the_trace_of_a_bug_is_scrubbed() -> None:
    """Python's own way of printing it would pass the log by; the exit status is that of a failure."""
    program = """
import logging, sys
from heard import logs
from heard.upstream.key import Key, Scrub
from heard.upstream import process
logs.set_up("upstream")
for handler in logging.getLogger().handlers:
    handler.addFilter(Scrub(Key("hush-hush")))
sys.excepthook = process._fell
headers = {"Authorization": "hush-hush"}
raise ValueError(f"no such header: {headers}")
"""
    finished = run([sys.executable, "-c", program], limit_s=90)
    assert finished.code == 1
    assert "hush-hush" not in finished.stderr
    assert "bug: this process ends" in finished.stderr
    assert "ValueError: no such header: {'Authorization': '***'}" in finished.stderr
