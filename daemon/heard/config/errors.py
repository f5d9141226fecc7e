"""Core: the wording of configuration errors. Each is one line: where, what, what would be right."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le

Keys = tuple[str | int, ...]
"""Where a value stands: ("source", 0, "denoise", "mix"); a source by its place in the list."""

SHOWN_CHARS = 200
MASK = "****"

_SECRET = re.compile(
    r"token|secret(?!_key_file)|password|credential|api_?key(?!_file)|auth_header_value|authorization",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]*(?=@)")


class ConfigError(Exception):
    """The configuration cannot be used; `errors` holds every reason, one line each."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = list(errors)


def line(origin: str, where: str, value: str, message: str) -> str:
    """Return one error: `FILE: section.key = value: must be …`; without a value where that is ""."""
    what = f"{where} = {value}" if value else where
    return f"{origin}: {what}: {message}"


def shown(key: str, value: object) -> str:
    """Return `value` as TOML writes it, on one line and cut short; masked where `key` names a secret."""
    text = toml(masked(key, value))
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def masked(key: str, value: object) -> object:
    """Return `value`, or asterisks where `key` names a secret; a URL loses its user and password."""
    if _SECRET.search(key) and value != "":
        return MASK
    return _USER_INFO.sub(MASK, value) if isinstance(value, str) else value


def toml(value: object) -> str:
    """Return a value as TOML: scalars, lists and (inline) tables of them."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            # JSON's escapes are TOML's, but for the one control character that JSON leaves as it is.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(toml(each) for each in value)}]"
        case dict():
            inner = ", ".join(f"{toml_key(str(name))} = {toml(each)}" for name, each in value.items())
            return f"{{{inner}}}"
        case int() | float():
            return repr(value)
        case _:
            return str(value)


def toml_key(name: str) -> str:
    """Return a key as TOML writes it: bare where it can be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def allowed(hint: object) -> str:
    """Return "must be …" for a field of type `hint`, whose bounds are `annotated_types`."""
    return f"must be {_kind(hint)}"


def _kind(hint: object) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(arguments[0]) + _bounds(arguments[1:])
    if origin is Literal:
        return either(toml(each) for each in arguments)
    if origin in (Union, types.UnionType):
        # A whole number is a number: said once is enough.
        dull = {type(None), int} if float in arguments else {type(None)}
        return either(_kind(each) for each in arguments if each not in dull)
    if origin is list:
        return "a list of texts"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "a table"
    names: dict[object, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text in quotes",
    }
    return names[hint]


def _bounds(metadata: Sequence[object]) -> str:
    low = next((each.ge for each in metadata if isinstance(each, Ge)), None)
    high = next((each.le for each in metadata if isinstance(each, Le)), None)
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f", {low} or more" if low is not None else ""


def either(items: Iterable[str]) -> str:
    """Return "a, b or c"."""
    *most, last = items
    return f"{', '.join(most)} or {last}" if most else last


def unknown(key: str, here: Iterable[str], everywhere: Iterable[str]) -> str:
    """Return the message for a key that is not one of `here`.

    `everywhere` holds all keys with their sections: a known key in the wrong section is pointed to its own.
    """
    names = list(here)
    elsewhere = [each for each in everywhere if each.rpartition(".")[2] == key]
    if near := get_close_matches(key, names, n=1, cutoff=0.6):
        return f"unknown key; did you mean {near[0]}?"
    if elsewhere:
        return f"unknown key here; did you mean {either(elsewhere)}?"
    return f"unknown key; must be {either(names)}"


def plain(hint: object) -> object:
    """Return `hint` without its bounds: Annotated[int, …] is int."""
    return get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
