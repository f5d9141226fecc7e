"""The configuration as text: the settings in force as TOML, and what may be set as a JSON Schema."""

from __future__ import annotations

import dataclasses
from typing import cast

from pydantic import TypeAdapter

from heard.config.checks import SOURCE_NAME, backends
from heard.config.errors import masked, toml, toml_key
from heard.config.fields import Key, keys_of
from heard.settings import Denoise, Settings, Source


def effective(settings: Settings) -> str:
    """Return the settings as a TOML file that gives the same ones; secrets are asterisks."""
    values = cast("dict[str, object]", dataclasses.asdict(settings))
    sources = cast("tuple[dict[str, object], ...]", values.pop("source"))
    blocks = [_table("", values)]
    blocks += [_table(f"[{name}]", each) for name, each in values.items() if isinstance(each, dict)]
    for source, settled in zip(sources, settings.source, strict=True):
        denoise = dataclasses.asdict(settled.denoise) | {"mix": settled.denoise.mix_in_force}
        blocks += [_table("[[source]]", source), _table("[source.denoise]", denoise)]
    return "\n\n".join(blocks) + "\n"


def _table(head: str, values: dict[str, object]) -> str:
    lines = [head] if head else []
    for name, value in values.items():
        if not isinstance(value, dict):
            lines.append(f"{name} = {toml(masked(name, value))}")
        elif name == "params":
            inner = [f"{toml_key(key)} = {toml(masked(key, each))}" for key, each in value.items()]
            lines.append(f"{name} = {{{', '.join(inner)}}}")
    return "\n".join(lines)


def schema() -> dict[str, object]:
    """Return a JSON Schema (draft 2020-12) of a configuration file, each key with description and default.

    Conditions that concern several keys are not in it: `heard config check` knows them.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "heard.toml",
        **_section(Settings),
    }


def _section(section: type) -> dict[str, object]:
    properties = {name: _key(section, key) for name, key in keys_of(section).items()}
    return {
        "description": (section.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _key(section: type, key: Key) -> dict[str, object]:
    if section is Settings and key.name == "source":
        return {
            "description": key.description or "The audio streams; without one there is `mic`.",
            "type": "array",
            "minItems": 1,
            "items": _section(Source),
        }
    if key.section is not None:
        return _section(key.section)
    found: dict[str, object] = {
        "description": key.description,
        **TypeAdapter(cast("type[object]", key.hint)).json_schema(),
    }
    match section.__name__, key.name:
        case Source.__name__, "name":
            found["pattern"] = f"^{SOURCE_NAME}$"
        case Denoise.__name__, "backend":
            found["enum"] = backends()
        case Denoise.__name__, "mix":
            # TOML has no null: a mix that is left out is the backend's own.
            (kind,) = [
                each for each in cast("list[dict[str, object]]", found.pop("anyOf")) if each["type"] != "null"
            ]
            return {**found, **kind}
    return {**found, "default": key.default}
