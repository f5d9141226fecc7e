"""Secrets from files, systemd and the environment; URLs that hold none."""

from pathlib import Path

import pytest

from heard.bridges.credentials import Secret, address, revealed, secret, tls_context
from heard.bridges.errors import StartError

from ...support.far_sides import LOCALHOST

PORTS = {"mqtt": 1883, "mqtts": 8883}


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_that_is_found_counts(tmp_path: Path) -> None:
    """A credential of systemd, else the file, else the variable, else none."""
    file = private(tmp_path / "file", "from-file\n")
    environ = {"VARIABLE": "from-variable"}
    assert revealed(secret("name", None, "VARIABLE", {})) is None
    assert revealed(secret("name", None, "VARIABLE", environ)) == "from-variable"
    assert revealed(secret("name", file, "VARIABLE", environ)) == "from-file"
    private(tmp_path / "name", "from-systemd", 0o440)
    environ["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    assert revealed(secret("name", file, "VARIABLE", environ)) == "from-systemd"


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [("secret", 0o640, "must be 0600"), ("", 0o600, "must hold the secret"), ("a\nb", 0o600, "in one line")],
)
def test_a_file_that_will_not_do_is_named(tmp_path: Path, text: str, mode: int, says: str) -> None:
    """Open to others, empty, or of several lines; what is in it is not repeated."""
    file = private(tmp_path / "file", text, mode)
    with pytest.raises(StartError, match=says) as raised:
        secret("name", file, "VARIABLE", {})
    assert raised.value.exit_code == 4
    assert str(file) in str(raised.value)


def test_a_secret_does_not_show_itself() -> None:
    """In no trace and no log."""
    assert "canary" not in f"{Secret('canary')!r} {Secret('canary')}"


def test_an_address_has_the_schemes_port() -> None:
    """Unless it names one."""
    assert address("mqtt://broker", PORTS)[1] == 1883
    assert address("mqtts://broker", PORTS)[1] == 8883
    parts, port = address("mqtt://[::1]:99", PORTS)
    assert (parts.hostname, port) == ("::1", 99)


@pytest.mark.parametrize(
    "url",
    [
        "broker",
        "http://broker",
        "mqtt://",
        "mqtt://broker:99999",
        "mqtt://u:canary@broker",
        "//x",
        "mqtt://[::1",
    ],
)
def test_an_address_that_will_not_do_says_what_would(url: str) -> None:
    """Exit code 2; a password in it, which others can see, is not repeated."""
    with pytest.raises(StartError, match=r"must be mqtt://HOST or mqtts://HOST|password in a file") as raised:
        address(url, PORTS)
    assert raised.value.exit_code == 2
    assert "canary" not in str(raised.value)


def test_files_of_tls_are_looked_at_before_they_are_needed(tmp_path: Path) -> None:
    """A certificate of our own with its key; else the line names the file."""
    tls_context(LOCALHOST, LOCALHOST, None)
    nonsense = private(tmp_path / "ca.pem", "nonsense")
    for files in ((nonsense, None, None), (None, nonsense, None), (None, tmp_path / "none", None)):
        with pytest.raises(StartError, match=r"ca\.pem|none"):
            tls_context(*files)
    with pytest.raises(StartError, match="--tls-cert"):
        tls_context(None, None, LOCALHOST)
