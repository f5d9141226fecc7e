"""Core: what a configuration may hold, read off the dataclasses of `heard.settings`."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints

from heard import settings
from heard.settings import Settings, Source


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a section; `section` is the dataclass below it, None for a value.

    `hint` is its type with its bounds, `description` the docstring that stands below the field.
    """

    name: str
    hint: object
    section: type | None
    default: object
    description: str


@cache
def keys_of(section: type) -> dict[str, Key]:
    """Return the keys of a section by name, in the order in which they are declared."""
    hints = get_type_hints(section, include_extras=True)
    descriptions = _descriptions().get(section.__name__, {})
    found = {}
    for each in dataclasses.fields(section):
        hint = hints[each.name]
        inner = hint if isinstance(hint, type) and dataclasses.is_dataclass(hint) else None
        if section is Settings and each.name == "source":
            inner = Source
        factory = each.default_factory
        default = each.default if factory is dataclasses.MISSING else factory()
        found[each.name] = Key(each.name, hint, inner, default, descriptions.get(each.name, ""))
    return found


@cache
def dotted(section: type = Settings, prefix: str = "") -> tuple[str, ...]:
    """Return the names of all values below a section: "publish.endpoint", "source.denoise.mix"."""
    found: list[str] = []
    for key in keys_of(section).values():
        found += dotted(key.section, f"{prefix}{key.name}.") if key.section else [prefix + key.name]
    return tuple(found)


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    """Return, by class and field, the docstrings below the fields: Python itself does not keep them."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(settings)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        texts = found.setdefault(node.name, {})
        for statement, below in zip(node.body, node.body[1:], strict=False):
            match statement, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    texts[name] = " ".join(text.split())
    return found
