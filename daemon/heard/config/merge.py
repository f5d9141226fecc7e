"""Where values come from: a file, `conf.d` beside it, the environment, `--set`; the later one counts.

The result knows of every value where it was given, so that an error can say it. Nothing is checked
here but that the sources can be read and that a source of audio is addressed by a name that exists.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from heard.config.errors import Keys, either, toml
from heard.config.fields import dotted, keys_of
from heard.settings import Settings

SYSTEM_FILE = Path("/etc/heard/heard.toml")
PREFIX = "HEARD_"
FILE_VARIABLE = "HEARD_CONFIG"
BUILT_IN_NAME = "mic"
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Given:
    """One value and where it was given; `text` is what stood there, for the environment and `--set`."""

    value: object
    origin: str
    text: str | None = None


@dataclass(slots=True)
class Table:
    """A table of values; `origin` is where it was first named."""

    origin: str
    below: dict[str, Given | Table] = field(default_factory=dict)

    def put(self, keys: Sequence[str], given: Given) -> None:
        """Set what stands at `keys`; a table is merged, key by key, into one that is there."""
        key, *rest = keys
        if not rest and not isinstance(given.value, dict):
            self.below[key] = given
            return
        inner = self.below.get(key)
        if not isinstance(inner, Table):
            inner = self.below[key] = Table(given.origin)
        if rest:
            inner.put(rest, given)
        elif isinstance(given.value, dict):
            for name, value in given.value.items():
                inner.put([str(name)], Given(value, given.origin))

    def at(self, keys: Sequence[str | int]) -> Given | Table | None:
        """Return what stands at `keys`, None where nothing was given."""
        found: Given | Table | None = self
        for key in keys:
            found = found.below.get(str(key)) if isinstance(found, Table) else None
        return found


@dataclass(slots=True)
class Merged:
    """All values given, and what went wrong on the way. `sources` are the `[[source]]` tables."""

    top: Table = field(default_factory=lambda: Table("built-in defaults"))
    sources: list[Table] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    incomplete: bool = False
    """A file could not be read: what it would have named is not known."""

    def at(self, keys: Keys) -> Given | Table | None:
        """Return what stands at `keys`; a source stands at ("source", INDEX)."""
        if len(keys) > 1 and keys[0] == "source" and isinstance(keys[1], int):
            return self.sources[keys[1]].at(keys[2:]) if keys[1] < len(self.sources) else None
        return self.top.at(keys)


def merge(config: Path | None, overrides: Sequence[str], environ: Mapping[str, str]) -> Merged:
    """Read every source of values in its order; what is wrong is in the result's `errors`."""
    merged = Merged()
    found = find(config, environ)
    if found is not None:
        _fold_file(merged, found)
        for path in _drop_ins(merged, found.parent / "conf.d"):
            _fold_file(merged, path)
    if not merged.sources:
        merged.sources.append(Table("built-in defaults"))
    for name in sorted(environ):
        if name.startswith(PREFIX) and name != FILE_VARIABLE:
            _fold_variable(merged, name, environ[name])
    for override in overrides:
        dotted, equals, text = override.partition("=")
        keys = [key.strip() for key in dotted.split(".")]
        if equals and all(keys):
            _fold_value(merged, "--set", keys, text)
        else:
            merged.errors.append(f"--set {override!r}: must be section.key=value")
    return merged


def find(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read, None for the built-in defaults.

    One that the user names is returned whether it exists or not.
    """
    if config is not None:
        return config
    if named := environ.get(FILE_VARIABLE):
        return Path(named)
    usual = [SYSTEM_FILE]
    if base := environ.get("XDG_CONFIG_HOME"):
        usual.insert(0, Path(base) / "heard/heard.toml")
    elif home := environ.get("HOME"):
        usual.insert(0, Path(home) / ".config/heard/heard.toml")
    return next((path for path in usual if path.exists() or path.is_symlink()), None)


def _drop_ins(merged: Merged, folder: Path) -> list[Path]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        merged.errors.append(f"{folder}: cannot be read: {error.strerror}")
        return []
    # What begins with a dot is an editor's.
    return [folder / name for name in names if name.endswith(".toml") and not name.startswith(".")]


def _fold_file(merged: Merged, path: Path) -> None:
    merged.files.append(path)
    try:
        table = _read(path)
    except _UnreadableError as error:
        merged.errors.append(str(error))
        merged.incomplete = True
        return
    origin = str(path)
    sources = table.pop("source", None)
    if sources is not None:
        _fold_sources(merged, origin, sources)
    for key, value in table.items():
        merged.top.put([key], Given(value, origin))


class _UnreadableError(Exception):
    """A file cannot be read; the text is the whole error."""


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise _UnreadableError(f"{path}: is a directory; must be a TOML file") from None
    except OSError as error:
        raise _UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise _UnreadableError(f"{str(path)!r}: must be the name of a file") from None
    if len(data) > MAX_BYTES:
        raise _UnreadableError(f"{path}: more than {MAX_BYTES} bytes; must be a TOML file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = _place(data[: error.start].decode("utf-8", "replace"))
        raise _UnreadableError(f"{path}:{at}: must be UTF-8, not byte 0x{data[error.start]:02x}") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _UnreadableError(f"{path}:{_toml_error(str(error), text)}") from None
    except RecursionError:
        raise _UnreadableError(f"{path}: must not be nested so deeply") from None


def _toml_error(message: str, text: str) -> str:
    """Return "LINE:COLUMN: what" for a message of tomllib, which has them in words at its end."""
    what, _, where = message.rpartition(" (at ")
    numbers = re.fullmatch(r"line (\d+), column (\d+)\)", where)
    at = f"{numbers[1]}:{numbers[2]}" if numbers else _place(text)
    return f"{at}: {what or message}"


def _place(before: str) -> str:
    """Return "LINE:COLUMN" of the character behind `before`, both from 1."""
    return f"{before.count(chr(10)) + 1}:{len(before) - (before.rfind(chr(10)) + 1) + 1}"


def _fold_sources(merged: Merged, origin: str, sources: object) -> None:
    """Merge the `[[source]]` tables of one file into those that are there, by name."""
    if isinstance(sources, dict):
        merged.errors.append(
            f"{origin}: source: must be [[source]], in double brackets, with its name as a key"
        )
        return
    if not isinstance(sources, list) or not sources or not all(isinstance(each, dict) for each in sources):
        merged.errors.append(f"{origin}: source: must be one or more [[source]] tables")
        return
    seen: set[str] = set()
    for values in sources:
        name = str(values.get("name", BUILT_IN_NAME))
        if name in seen:
            merged.errors.append(
                f"{origin}: source.name = {toml(name)}: must differ from the other sources' names"
            )
        seen.add(name)
        table = next((each for each in merged.sources if _name(each) == name), None)
        if table is None:
            table = Table(origin)
            merged.sources.append(table)
        for key, value in values.items():
            table.put([key], Given(value, origin))


def _fold_variable(merged: Merged, name: str, text: str) -> None:
    """Put one variable of the environment in its place.

    One without "__" that is no key, nor nearly one, is not meant for us: a container's orchestrator
    describes a service called heard in variables such as HEARD_PORT.
    """
    rest = name.removeprefix(PREFIX)
    keys = [key.lower() for key in rest.split("__")]
    if len(keys) > 1 or keys[0] in keys_of(Settings):
        _fold_value(merged, f"${name}", keys, text)
    elif near := get_close_matches(rest, _VARIABLES, n=1, cutoff=0.8):
        merged.errors.append(f"${name}: unknown key; did you mean {PREFIX}{near[0]}?")


_VARIABLES = [key.replace(".", "__").upper() for key in dotted() if not key.startswith("source.")]


def _fold_value(merged: Merged, origin: str, keys: list[str], text: str) -> None:
    """Put one value of the environment or of --set in its place."""
    given = Given(_value(text), origin, text)
    if keys == ["source"] and isinstance(given.value, list):
        merged.sources.clear()
        _fold_sources(merged, origin, given.value)
        merged.sources = merged.sources or [Table(origin)]
    elif keys[0] != "source":
        merged.top.put(keys, given)
    elif len(keys) < 3:
        merged.errors.append(f"{origin}: {'.'.join(keys)}: must be source.NAME.key")
    elif (table := _addressed(merged.sources, keys[1])) is not None:
        table.put(keys[2:], given)
    elif not merged.incomplete:
        names = [_name(each) for each in merged.sources]
        near = get_close_matches(keys[1], names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"must be {either(names)}"
        merged.errors.append(f"{origin}: {'.'.join(keys)}: no source is called {keys[1]!r}; {hint}")


def _value(text: str) -> object:
    """Return `text` as the TOML value that it is, else as it stands."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _addressed(sources: Sequence[Table], name: str) -> Table | None:
    """Return the source called `name`, in any case and with '_' for '-': variables have no '-'."""
    wanted = name.lower().replace("_", "-")
    return next((each for each in sources if _name(each).lower() == wanted), None)


def _name(source: Table) -> str:
    given = source.below.get("name")
    return str(given.value) if isinstance(given, Given) else BUILT_IN_NAME
