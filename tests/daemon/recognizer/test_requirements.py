"""What the recognizer needs, without importing it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from heard.recognizer import requirements
from heard.recognizer.requirements import PACKAGES, lacking

PYPROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"


def test_nothing_is_missing_here() -> None:
    """The tests run with the extra installed."""
    assert lacking() is None


def test_what_is_missing_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with the distribution's name and pip's."""
    monkeypatch.setitem(requirements.PACKAGES, "no_such_module_here", "no-such-package")
    assert lacking() == "the recognizer needs no-such-package: pip install 'heard[local]'"


def test_the_extra_has_what_is_looked_for() -> None:
    """The table is that of pyproject.toml."""
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {line.partition(">")[0].partition("=")[0] for line in extras["local"]}
    assert names == set(PACKAGES.values())
