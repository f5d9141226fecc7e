"""Which code made a result: a digest of the sources that it came from and the versions of the libraries."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

from ...support.imports import Module, imported, modules


def digest(entry: str, within: str) -> str:
    """Return a digest of module `entry`, of all that it imports within package `within`, and of libraries.

    Sources are read, not imported. Of libraries, their version counts.

    Raises:
        ModuleNotFoundError: there is no such package or module.
    """
    known = _known(within)
    if entry not in known:
        raise ModuleNotFoundError(f"no module {entry} in {within}")
    reached: set[str] = set()
    libraries: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for each in imported(known[name], frozenset(known)):
            if each in known:
                waiting.append(each)
            elif (top := each.partition(".")[0]) != within.partition(".")[0]:
                libraries.add(top)
    hashed = hashlib.sha256()
    for name in sorted(reached):
        hashed.update(name.encode() + b"\0" + known[name].path.read_bytes() + b"\0")
    for line in sorted(filter(None, map(_version, libraries))):
        hashed.update(line.encode() + b"\0")
    return hashed.hexdigest()[:16]


def _known(within: str) -> dict[str, Module]:
    spec = find_spec(within)
    if spec is None:
        raise ModuleNotFoundError(f"no package {within}")
    if not spec.submodule_search_locations:
        return {within: Module(within, Path(spec.origin or ""))}
    folder = Path(next(iter(spec.submodule_search_locations)))
    root = folder.parents[within.count(".")]
    return {each.name: each for each in modules(root, within.replace(".", "/"))}


def _version(top: str) -> str | None:
    if top in sys.stdlib_module_names or top not in _distributions():
        return None
    return " ".join(f"{name} {version(name)}" for name in sorted(set(_distributions()[top])))


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(found) for name, found in packages_distributions().items()}
