"""What the repository holds: nothing but what belongs in it, and nothing too large."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "clients",
    "config",
    "daemon",
    "docs",
    "pyproject.toml",
    "systemd",
    "tests",
}
LARGEST_FILE_BYTES = 1_000_000
LARGEST_DATA_BYTES = 4_000_000

# A folder of one developer's machine, or the address of a private package index.
PRIVATE = re.compile(r"""(?<![\w.~$}])/(?:root|work|workspace|Users|home/(?!pi\b|you\b))/\w""")


def ignored() -> list[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return [line.strip("/") for line in lines if line and not line.startswith("#")]


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Yield every file that is, or would be, committed."""
    unwanted = [".git", *ignored()]
    for entry in sorted(folder.iterdir()):
        if any(fnmatchcase(entry.name, pattern) for pattern in unwanted):
            continue
        if entry.is_dir():
            yield from files(entry)
        else:
            yield entry


def test_the_top_level_is_tidy() -> None:
    """A newcomer sees a dozen names; anything else has a room of its own."""
    names = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_source_roots_are_folders_and_test_folders_are_packages() -> None:
    """With an `__init__.py`, `daemon` would shadow a library; without one, equal names collide."""
    assert not (ROOT / "daemon" / "__init__.py").exists()
    assert not (ROOT / "clients" / "__init__.py").exists()
    folders = {path.parent for path in files(ROOT / "tests") if path.suffix == ".py"}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_is_large() -> None:
    """A clone stays small: recordings are few and short."""
    large = [path for path in files() if path.stat().st_size > LARGEST_FILE_BYTES]
    assert large == []
    data = sum(path.stat().st_size for path in files(ROOT / "tests" / "data"))
    assert data <= LARGEST_DATA_BYTES


def test_nothing_names_one_developers_machine() -> None:
    """Paths in code, tests and documents are such as a reader has, too."""
    found = []
    for path in files():
        if path.suffix in (".flac", ".png"):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [f"{path}:{n}: {line}" for n, line in enumerate(lines, 1) if PRIVATE.search(line)]
    assert found == []
    assert PRIVATE.search("see /work" + "/notes.txt")


def test_the_changelog_has_a_place_for_the_next_change() -> None:
    """Changes are written down as they land, under Unreleased."""
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert sections[0] == "Unreleased"
