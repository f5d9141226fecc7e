"""`heard bridge`: what is wrong is said in one line before anything is connected."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

import pytest

from heard.cli import main

BRIDGES = ("mqtt", "nats", "webhook", "wyoming")


@dataclass(frozen=True)
class Done:
    """How the command ended."""

    code: int
    stdout: str
    stderr: str


class Bridge(Protocol):
    """Runs `heard bridge` with these words, in this process."""

    def __call__(self, *words: str) -> Done:
        """Return how it ended."""


@pytest.fixture(name="bridge")
def _bridge(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bridge:
    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["heard", "bridge", *words])
        return Done(main(), *capsys.readouterr())

    return run


@pytest.mark.parametrize("kind", BRIDGES)
def test_help_teaches(bridge: Bridge, kind: str) -> None:
    """What it promises, and an example for each."""
    assert "at least once" in " ".join(bridge("--help").stdout.split())
    said = bridge(kind, "--help").stdout
    assert "Examples:" in said
    assert f"heard bridge {kind}" in said


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (["mqtt", "http://broker"], "must be mqtt://HOST or mqtts://HOST", 2),
        (["mqtt", "mqtt://user:canary@broker"], "the password in a file", 2),
        (["mqtt", "--prefix", "heard/#"], "--prefix 'heard/#': must be a topic", 2),
        (["mqtt", "--password-file", "/nowhere"], "/nowhere: cannot be read", 4),
        (["mqtt", "--name", "../x"], "--name '../x': must be", 2),
        (["mqtt", "--since", "soon"], "'soon': must be a time such as", 2),
        (["mqtt", "--endpoint", "nowhere"], "nowhere", 2),
        (["mqtt", "--endpoint", "ipc:///nowhere"], "or name its publish socket too: --transcripts", 3),
        (["mqtt", "--transcripts", "ipc:///nowhere"], "--transcripts needs --endpoint", 2),
        (
            ["mqtt", "--endpoint", "nowhere", "--transcripts", "ipc:///x"],
            "must be ipc:///ABSOLUTE/PATH or",
            2,
        ),
        (["nats", "--prefix", "heard.*"], "must be a subject", 2),
        (["nats", "--stream", "a.b"], "must be a name", 2),
        (["webhook", "https://example.org"], "give --secret-file", 2),
        (["webhook", "ftp://example.org", "--unsigned"], "must be http://HOST or https://HOST", 2),
        (["wyoming", "--bind", "tcp://127.0.0.1"], "must be tcp://HOST:PORT or unix:///PATH", 2),
        (["wyoming", "--bind", "http://127.0.0.1:1"], "must be tcp://HOST:PORT or unix:///PATH", 2),
        (["wyoming", "--bind", "tcp://0.0.0.0:0"], "add --unprotected", 2),
        (["webhook"], "Missing argument 'URL'", 2),
    ],
)
def test_what_will_not_do_is_one_line(bridge: Bridge, words: list[str], says: str, code: int) -> None:
    """It says what would; a password is not repeated."""
    done = bridge(*words)
    assert done.code == code
    assert says in done.stderr
    assert "canary" not in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("kind", "library"), [*zip(BRIDGES, ("paho", "nats", "httpx", "wyoming"), strict=True)]
)
def test_a_package_that_is_not_there_is_named_with_its_extra(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch, kind: str, library: str
) -> None:
    """As where heard was installed without `bridges`."""
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    for far_side in ("mqtt", "jetstream", "webhook", "wyoming"):
        monkeypatch.delitem(sys.modules, f"heard.bridges.{far_side}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    done = bridge(kind, *(["http://localhost/", "--unsigned"] if kind == "webhook" else []))
    assert done.code == 1
    assert "pip install 'heard[bridges]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_secret_that_is_none_is_not_repeated(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even from a variable."""
    monkeypatch.setenv("HEARD_WEBHOOK_SECRET", "canary")
    done = bridge("webhook", "http://localhost/")
    assert done.code == 2
    assert "whsec_" in done.stderr
    assert "canary" not in done.stderr
