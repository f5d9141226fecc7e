"""The units as systemd reads them: nothing to complain of, and how much of the machine they leave open."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from heard.cli.service_files import place, wanted

from ..support.processes import run

LIMIT_S = 90.0
EXPOSURE = 2.0

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (Debian package systemd)"
)


def written(folder: Path, kind: str) -> list[str]:
    """Write the units of one kind for the environment of the tests; return their paths."""
    scripts = Path(sys.prefix) / "bin"
    for file in wanted(place(kind, os.environ), scripts):  # type: ignore[arg-type]  # "user" or "system"
        if file.path.suffix in (".service", ".socket"):
            (folder / file.path.name).write_text(file.text, encoding="utf-8")
    return sorted(str(path) for path in folder.iterdir())


SHIPPED = Path(__file__).resolve().parents[2] / "systemd"


@pytest.mark.parametrize("source", ["written", "shipped"])
@pytest.mark.parametrize("kind", ["system", "user"])
def test_verify_prints_nothing(tmp_path: Path, kind: str, source: str) -> None:
    """`systemd-analyze verify` knows every directive, and finds the program.

    In what `install-service` writes, and in the files as they are in the repository.
    """
    units = tmp_path / "units"
    units.mkdir()
    if source == "written":
        names = written(units, kind)
    else:
        names = ["heard.service", "heard.socket"] if kind == "system" else ["heard-user.service"]
        names = [str(SHIPPED / name) for name in names]
    assert len(names) == (2 if kind == "system" else 1)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    checked = run(["systemd-analyze", "verify", f"--{kind}", *names], limit_s=LIMIT_S, env=env)
    # Of the machine's own units it may complain.
    ours = [line for line in checked.stderr.splitlines() if "heard" in line]
    assert (ours, checked.stdout) == ([], "")


def test_the_system_unit_leaves_little_open(tmp_path: Path) -> None:
    """`systemd-analyze security` scores it from 0 (nothing) to 10."""
    service = next(name for name in written(tmp_path, "system") if name.endswith(".service"))
    scored = run(["systemd-analyze", "security", "--offline=true", "--no-pager", service], limit_s=LIMIT_S)
    found = re.search(r"exposure level for heard\.service: ([0-9.]+)", scored.stdout)
    assert found, scored.stderr
    assert float(found[1]) <= EXPOSURE
