"""What the installed service consists of, and what of it may be touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from heard.cli.fail import Failure
from heard.cli.service_files import (
    File,
    digest,
    place,
    read_receipt,
    shipped,
    strangers,
    unreadable,
    wanted,
    write_receipt,
)


@pytest.mark.parametrize(("kind", "reload"), [("system", 2), ("user", 2)])
def test_units_name_the_programs_of_this_environment(kind: str, reload: int) -> None:
    """By absolute paths; a per cent sign, which begins a specifier, is doubled."""
    where = place(kind, {"XDG_CONFIG_HOME": "/c"})  # type: ignore[arg-type]  # one of the two
    files = wanted(where, Path("/srv/50%/bin"))
    unit = next(file for file in files if file.path.name == "heard.service").text
    assert unit.count("=/srv/50%%/bin/heard") == reload
    assert "Environment=PATH=/srv/50%%/bin:" in unit
    assert "/opt/heard/bin" not in unit
    assert "/usr/bin/env" not in unit
    if kind == "user":
        paths = ["/c/heard/heard.toml", "/c/systemd/user/heard.service"]
        assert [str(file.path) for file in files] == paths


def test_a_path_that_systemd_cannot_take_is_refused() -> None:
    """Before anything is written."""
    with pytest.raises(Failure, match="no path with spaces"):
        wanted(place("system", {}), Path("/srv/my programs/bin"))


def test_the_shipped_configuration_is_the_repositorys(tmp_path: Path) -> None:
    """What `install-service` begins with is config/heard.toml, as it was installed with the package."""
    repository = Path(__file__).resolve().parents[3]
    assert shipped("heard.toml") == (repository / "config/heard.toml").read_text(encoding="utf-8")
    with pytest.raises(Failure, match="did not come with this package"):
        shipped("heard.nothing")


def test_what_the_service_could_not_read_is_named(tmp_path: Path) -> None:
    """Below a home, or below a directory that only its owner may enter."""
    assert unreadable([Path("/usr/bin")]) is None
    assert unreadable([Path("/usr/bin"), Path("/home/ann/.venv")]) == (
        "/home/ann/.venv is below /home, which the service's sandbox hides"
    )
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    said = unreadable([closed / "bin"])
    assert said is not None
    assert "only its owner may enter" in said or "sandbox hides" in said


def test_files_of_somebody_else_are_found(tmp_path: Path) -> None:
    """One that is ours as we left it may be replaced; one that was changed or is not ours may not."""
    ours, changed, foreign, same, config = (tmp_path / name for name in "abcde")
    ours.write_text("old")
    changed.write_text("edited")
    foreign.write_text("theirs")
    same.write_text("new")
    config.write_text("mine")
    asked = [File(path, "new") for path in (ours, changed, foreign, same)] + [File(config, "new", kept=True)]
    known = {ours: digest("old"), changed: digest("old")}
    assert list(strangers(asked, known)) == [changed, foreign]


def test_the_receipt_can_be_read_again(tmp_path: Path) -> None:
    """None is the same as an empty one; one that is damaged is an error that says what to do."""
    path = tmp_path / "installed.json"
    assert read_receipt(path) == {}
    write_receipt(path, {Path("/etc/x"): "0a"})
    assert read_receipt(path) == {Path("/etc/x"): "0a"}
    path.write_text("[]")
    with pytest.raises(Failure, match="remove it, and what it lists, by hand"):
        read_receipt(path)
