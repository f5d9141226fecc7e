"""Looks for the API key where `upstream` does; what it holds stays here."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path

from heard.doctor.secret import KeyFile, Looked
from heard.settings import Upstream
from heard.upstream.key import CREDENTIAL, VARIABLE, KeyUnusableError, find


def places(settings: Upstream, environ: Mapping[str, str]) -> tuple[Looked, ...]:
    """Return where a key may be, in the order in which it is looked for."""
    found = []
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(directory) / CREDENTIAL
        found.append(Looked(f"systemd's credential {path}", path.exists()))
    else:
        found.append(Looked(f"systemd's credential {CREDENTIAL}", there=False))
    if settings.api_key_file:
        found.append(Looked(f"file {settings.api_key_file}", Path(settings.api_key_file).exists()))
    found.append(Looked(f"${VARIABLE}", bool(environ.get(VARIABLE))))
    return tuple(found)


def key_file(settings: Upstream) -> KeyFile | None:
    """Return how the configured file lies there."""
    if not settings.api_key_file:
        return None
    path = Path(settings.api_key_file)
    try:
        found = path.stat()
    except OSError:
        return None
    return KeyFile(
        str(path), stat.S_IMODE(found.st_mode), owner(found.st_uid), mine=found.st_uid == os.geteuid()
    )


def error(settings: Upstream, environ: Mapping[str, str]) -> str | None:
    """Return why there is no key that can be used, None where there is one."""
    try:
        find(settings.api_key_file, environ)
    except KeyUnusableError as unusable:
        return str(unusable)
    return None


def owner(uid: int) -> str:
    """Return the name of a user."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
