"""What `heard install-service` writes: the files, where they go, and which of them are still as written."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path
from typing import Literal

from heard.cli.fail import USAGE, Failure

SEARCHED = "/usr/bin/env "
"""Before the programs in the shipped units, which have to suit wherever they are put."""
PLACEHOLDER = "PATH=/opt/heard/bin:"
"""Where those look first."""
RECEIPT = "installed.json"
"""Beside the configuration: path → SHA-256 of every file as it was written."""

Kind = Literal["user", "system"]

_HIDDEN = ("/root", "/home", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  # named, not used
"""What ProtectHome and PrivateTmp hide from the system service."""


@dataclass(frozen=True, slots=True)
class File:
    """One file: `text` for `path`. A `kept` one belongs to the user once it is there."""

    path: Path
    text: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one kind of service go."""

    kind: Kind
    units: Path
    config: Path
    """The folder of heard.toml."""

    @property
    def receipt(self) -> Path:
        """Where it is written down what was installed."""
        return self.config / RECEIPT


def place(kind: Kind, environ: Mapping[str, str]) -> Place:
    """Return where a user's or the system's service is configured."""
    if kind == "system":
        return Place(kind, Path("/etc/systemd/system"), Path("/etc/heard"))
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Place(kind, home / "systemd/user", home / "heard")


def wanted(where: Place, scripts: Path) -> list[File]:
    """Return the files of a service that runs `scripts`/heard, those that come first first."""
    config = File(where.config / "heard.toml", shipped("heard.toml"), kept=True)
    if where.kind == "user":
        return [config, File(where.units / "heard.service", _for(scripts, shipped("heard-user.service")))]
    return [
        File(Path("/etc/sysusers.d/heard.conf"), shipped("heard.sysusers")),
        File(Path("/etc/tmpfiles.d/heard.conf"), shipped("heard.tmpfiles")),
        config,
        File(where.units / "heard.service", _for(scripts, shipped("heard.service"))),
        File(where.units / "heard.socket", shipped("heard.socket")),
    ]


def shipped(name: str) -> str:
    """Return a file of share/heard as it came with the package, wherever pip has put that.

    Raises:
        Failure: the package came without it.
    """
    for each in files("heard") or []:
        if each.parts[-2:] == ("heard", name) and "share" in each.parts:
            return Path(str(each.locate())).read_text(encoding="utf-8")
    raise Failure(f"share/heard/{name} did not come with this package: install heard from a wheel with pip")


def unreadable(paths: list[Path]) -> str | None:
    """Return which of `paths` the system service could not read and why, None where it can read them all."""
    for path in paths:
        for ancestor in (path, *path.parents):
            if str(ancestor) in _HIDDEN:
                return f"{path} is below {ancestor}, which the service's sandbox hides"
            if ancestor.is_dir() and not ancestor.stat().st_mode & 0o001:
                return f"{path} is below {ancestor}, which only its owner may enter"
    return None


def read_receipt(path: Path) -> dict[Path, str]:
    """Return what an earlier run wrote down; nothing where there was none.

    Raises:
        Failure: the file cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {Path(name): str(digest) for name, digest in found["files"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Failure(
            f"{path}: is no list of installed files: remove it, and what it lists, by hand"
        ) from None


def write_receipt(path: Path, digests: Mapping[Path, str]) -> None:
    """Write down what is installed."""
    body = {"files": {str(name): digest for name, digest in digests.items()}}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def strangers(asked: list[File], known: Mapping[Path, str]) -> Iterator[Path]:
    """Yield the files that are there and are not as an earlier run left them."""
    for each in asked:
        if each.kept or (found := digest_of(each.path)) is None:
            continue
        if found not in (known.get(each.path), digest(each.text)):
            yield each.path


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _for(scripts: Path, unit: str) -> str:
    """Return the unit for the environment whose programs are in `scripts`."""
    path = os.fspath(scripts)
    if any(character.isspace() or character in "\"'\\" for character in path):
        raise Failure(f"{path}: systemd takes no path with spaces or quotes: install heard elsewhere", USAGE)
    # In a unit % begins a specifier.
    path = path.replace("%", "%%")
    return unit.replace(SEARCHED, f"{path}/").replace(PLACEHOLDER, f"PATH={path}:")
