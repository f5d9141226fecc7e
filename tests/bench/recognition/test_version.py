"""The digest of code: it changes with what a result depends on, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from .version import digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a package: `entry` imports `used`, nothing imports `other`."""
    folder = tmp_path / "digested"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "entry.py").write_text("import numpy\nfrom .used import VALUE\n")
    (folder / "used.py").write_text("VALUE = 1\n")
    (folder / "other.py").write_text("VALUE = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_what_is_imported_counts(package: Path) -> None:
    """A change two files away is a change."""
    before = digest("digested.entry", "digested")
    (package / "used.py").write_text("VALUE = 2\n")
    assert digest("digested.entry", "digested") != before


def test_what_is_not_imported_does_not_count(package: Path) -> None:
    """So that work on one backend leaves the results of others."""
    before = digest("digested.entry", "digested")
    (package / "other.py").write_text("VALUE = 2\n")
    assert digest("digested.entry", "digested") == before


def test_a_library_counts(package: Path) -> None:
    """Its version is part of the digest."""
    before = digest("digested.entry", "digested")
    (package / "entry.py").write_text("import pytest\nfrom .used import VALUE\n")
    assert digest("digested.entry", "digested") != before


def test_backends_differ_and_the_gate_does_not_see_noisereduce() -> None:
    """The modules of heard itself can be read this way."""
    noisereduce, gate = (digest(f"heard.denoise.{name}", "heard.denoise") for name in ("noisereduce", "gate"))
    assert noisereduce != gate


def test_a_module_that_is_not_there(package: Path) -> None:
    """Is an error, not an empty digest."""
    with pytest.raises(ModuleNotFoundError, match=r"no module digested\.missing"):
        digest("digested.missing", "digested")
