"""From files, environment and arguments to `heard.settings.Settings`, with every error at once.

The defaults are those of `heard.settings`; where values come from is `merge`'s, and the rules
that concern several of them are `checks`'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from heard.config.checks import check
from heard.config.errors import ConfigError, Keys, allowed, line, plain, shown, unknown
from heard.config.fields import Key, dotted, keys_of
from heard.config.merge import Given, Merged, Table, merge
from heard.settings import Curve, Settings, Source
from heard.wire.endpoints import expand, runtime_dir, state_dir


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, and the files that were read, in their order."""

    settings: Settings
    files_read: tuple[Path, ...]


def load(config: Path | None, overrides: Sequence[str], environ: Mapping[str, str]) -> Loaded:
    """Return the settings in force: paths absolute, endpoints filled in.

    `config` is the file of --config, `overrides` the arguments of --set.

    Raises:
        ConfigError: something is wrong; it holds every error, one line each.
    """
    merged = merge(config, overrides, environ)
    reader = _Reader(merged)
    top = reader.section(Settings, merged.top, ())
    sources = [
        cast("Source", _made(Source, reader.section(Source, table, ("source", index))))
        for index, table in enumerate(merged.sources)
    ]
    settings = _located(cast("Settings", _made(Settings, {**top, "source": tuple(sources)})), environ)
    errors = merged.errors + reader.errors
    for keys, value, message in check(settings):
        # A value that could not be read was replaced by its default: nothing to say about that.
        if keys not in reader.unreadable:
            errors.append(line(_origin(merged, keys), reader.where(keys), value, message))
    if errors:
        raise ConfigError(errors)
    return Loaded(settings, tuple(merged.files))


class _Reader:
    """Checks values one by one and collects what is wrong with them."""

    def __init__(self, merged: Merged) -> None:
        self._merged = merged
        self.errors: list[str] = []
        self.unreadable: set[Keys] = set()

    def section(self, section: type, table: Table, at: Keys) -> dict[str, object]:
        """Return the values of a section that are given and right, as arguments of its dataclass."""
        known = keys_of(section)
        values: dict[str, object] = {}
        for name, found in table.below.items():
            here = (*at, name)
            key = known.get(name)
            if key is None or (section is Settings and name == "source"):
                message = unknown(name, known, dotted())
                self.errors.append(line(_first(found), self.where(here), "", message))
            elif key.section is not None:
                if isinstance(found, Table):
                    values[name] = _made(key.section, self.section(key.section, found, here))
                else:
                    self._wrong(here, found, f"must be a table, [{self.where(here)}]")
            elif get_origin(plain(key.hint)) is dict:
                values[name] = self._mapping(key, found, here)
            else:
                self._take(values, name, key.hint, found, here)
        return values

    def where(self, keys: Keys) -> str:
        """Return the place as a user writes it, a source by its name."""
        if len(keys) > 1 and keys[0] == "source" and isinstance(keys[1], int):
            name = self._merged.sources[keys[1]].below.get("name")
            called = name.value if isinstance(name, Given) else keys_of(Source)["name"].default
            keys = ("source", str(called), *keys[2:])
        return ".".join(str(key) for key in keys)

    def _mapping(self, key: Key, found: Given | Table, at: Keys) -> dict[str, object]:
        values: dict[str, object] = {}
        if isinstance(found, Table):
            for name, each in found.below.items():
                self._take(values, name, get_args(plain(key.hint))[1], each, (*at, name))
        else:
            self._wrong(at, found, f"must be a table, [{self.where(at)}]")
        return values

    def _take(
        self, values: dict[str, object], name: str, hint: object, found: Given | Table, at: Keys
    ) -> None:
        if isinstance(found, Table):
            self._wrong(at, found, allowed(hint))
            return
        for candidate, strict in _readings(found):
            try:
                value = _adapter(hint).validate_python(candidate, strict=strict)
            except ValidationError:
                continue
            if fault := _unprintable(value):
                self._wrong(at, found, fault)
            else:
                values[name] = value
            return
        self._wrong(at, found, allowed(hint))

    def _wrong(self, at: Keys, found: Given | Table, message: str) -> None:
        self.unreadable.add(at)
        value = shown(str(at[-1]), found.value) if isinstance(found, Given) else "{…}"
        self.errors.append(line(_first(found), self.where(at), value, message))


def _readings(given: Given) -> list[tuple[object, bool]]:
    """Return what a value may mean, with whether it is taken strictly; the first that fits counts.

    The environment and --set have no types: `device = 3` may be a name, `loop = yes` a truth.
    """
    readings: list[tuple[object, bool]] = [(given.value, True)]
    if given.text is not None:
        readings += [(given.text, True), (given.text.strip(), False)]
    return readings


@cache
def _adapter(hint: object) -> TypeAdapter[object]:
    return TypeAdapter(cast("type[object]", hint))


def _unprintable(value: object) -> str:
    """Return why a text cannot be used as a name or a path, "" where it can."""
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if isinstance(text, str):
            if "\0" in text:
                return "must not hold a zero character"
            try:
                text.encode()
            except UnicodeEncodeError:
                return "must be UTF-8"
    return ""


def _made(section: type, values: dict[str, object]) -> object:
    """Return the section; what is missing has its default."""
    return section(**values)


def _first(found: Given | Table) -> str:
    """Return where a value or a table was given."""
    return found.origin


def _origin(merged: Merged, keys: Keys) -> str:
    """Return where the value at `keys` comes from, the section around it where it is a default."""
    while keys:
        if (found := merged.at(keys)) is not None:
            return _first(found)
        keys = keys[:-1]
    return str(merged.files[0]) if merged.files else "built-in defaults"


def _located(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings with paths made absolute and endpoints filled in."""
    where = runtime_dir(environ, _absolute(settings.runtime_dir)).absolute()
    return replace(
        settings,
        runtime_dir=str(where),
        state_dir=str(state_dir(environ, _absolute(settings.state_dir)).absolute()),
        publish=replace(settings.publish, endpoint=expand(settings.publish.endpoint, where)),
        control=replace(settings.control, endpoint=expand(settings.control.endpoint, where)),
        metrics=replace(settings.metrics, endpoint=expand(settings.metrics.endpoint, where)),
        curve=replace(
            settings.curve,
            **{each.name: _absolute(getattr(settings.curve, each.name)) for each in fields(Curve)},
        ),
        upstream=replace(
            settings.upstream,
            api_key_file=_absolute(settings.upstream.api_key_file),
            ca_file=_absolute(settings.upstream.ca_file),
        ),
        source=tuple(replace(each, path=_absolute(each.path)) for each in settings.source),
    )


def _absolute(path: str) -> str:
    """Return a path that does not depend on where a child process is; "" stays ""."""
    return os.path.abspath(os.path.expanduser(path)) if path else ""  # noqa: PTH100, PTH111  # "~" without a home stays as it is
