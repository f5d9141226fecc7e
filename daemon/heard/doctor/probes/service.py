"""Asks systemd about heard's units."""

from __future__ import annotations

from pathlib import Path

from heard.doctor.probes import child
from heard.doctor.service import PROPERTIES, UNIT, Unit, credential_files, credentials, read

ASK_S = 5.0


def units() -> tuple[Unit, ...]:
    """Return the unit of the system and that of this user."""
    return _unit("system", ()), _unit("user", ("--user",))


def _unit(scope: str, options: tuple[str, ...]) -> Unit:
    argv = ["systemctl", *options, "show", UNIT, f"--property={','.join(PROPERTIES)}"]
    ended = child.run(argv, ASK_S)
    if ended.code is None:
        return Unit(scope, {}, f"systemctl does not answer within {ASK_S:g} s")
    if ended.code:
        return Unit(scope, {}, ended.last_line or f"systemctl ended with {ended.code}")
    properties = read(ended.output.decode(errors="replace"))
    if properties.get("LoadState") != "loaded":
        return Unit(scope, properties)
    text = child.run(["systemctl", *options, "cat", "--no-pager", UNIT], ASK_S).output
    given = credentials(text.decode(errors="replace"))
    return Unit(scope, properties, credentials=given, absent=frozenset(filter(_absent, given)))


def _absent(line: str) -> bool:
    """Whether the file of a credential is known not to be there: where nothing can be seen it may be."""
    files = [Path(file) for file in credential_files(line)]
    return bool(files) and all(_known_absent(file) for file in files)


def _known_absent(file: Path) -> bool:
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
