"""What the daemon sent, made fit for a line of output: JSON, and text without control characters."""

from __future__ import annotations

import json
import math
import unicodedata

from heard_client.cues import one_line

__all__ = ["cells", "one_line", "to_json", "wrap"]


def to_json(value: object, indent: int | None = None) -> str:
    """Return `value` as JSON: bytes are left out, and what JSON has no number for is null."""
    return json.dumps(_jsonable(value), ensure_ascii=False, indent=indent, allow_nan=False)


def _jsonable(value: object) -> object:
    match value:
        case dict():
            return {str(name): _jsonable(each) for name, each in value.items() if not isinstance(each, bytes)}
        case list() | tuple():
            return [_jsonable(each) for each in value if not isinstance(each, bytes)]
        case float() if not math.isfinite(value):
            return None
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return sum(_cells(c) for c in text)


def _cells(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap(text: str, columns: int) -> list[str]:
    """Return `text` in lines of at most `columns` cells, broken at spaces, else within a word."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        candidate = f"{line} {word}" if line else word
        if cells(candidate) <= columns:
            line = candidate
            continue
        if line:
            lines.append(line)
        line = ""
        for character in word:
            if cells(line + character) > columns and line:
                lines.append(line)
                line = ""
            line += character
    return [*lines, line] if line else lines
