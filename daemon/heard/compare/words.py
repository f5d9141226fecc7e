"""Core: the words of a text as they are compared: lower case, numbers as words, no marks but apostrophes."""

from __future__ import annotations

import re

_BELOW_TWENTY = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_BY_TEN = "zero ten twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = _BELOW_TWENTY.split()
_TENS = _BY_TEN.split()
_IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_WRITTEN_OUT = {
    "mr": "mister",
    "mrs": "missus",
    "ms": "miss",
    "dr": "doctor",
    "&": "and",
    "%": "percent",
    "ok": "okay",
    "to-day": "today",
    "to-morrow": "tomorrow",
    "to-night": "tonight",
}
_TOKEN = re.compile(r"\d+(?:,\d{3})*(?:st|nd|rd|th)?|[^\W\d_]+(?:['-][^\W\d_]+)*|[&%]")
_LARGEST = 999_999_999
"""Longer numbers are spelled digit by digit."""


def words_of(text: str) -> list[str]:
    """Return the words of `text`."""
    words: list[str] = []
    for token in _TOKEN.findall(text.lower().replace("\u2019", "'")):
        if token[0].isdecimal():
            words += _number(token)
        else:
            words += _WRITTEN_OUT.get(token, token).split("-")
    return words


def _number(token: str) -> list[str]:
    digits = token.rstrip("stndrh")
    ordinal = digits != token
    number = int(digits.replace(",", ""))
    if number > _LARGEST:
        return [_ONES[int(digit)] for digit in digits if digit.isdecimal()]
    if 1100 <= number < 2000 and digits.isdecimal() and not ordinal:  # as years are read
        rest = number % 100
        return [*_cardinal(number // 100), *(_cardinal(rest) if rest else ["hundred"])]
    words = _cardinal(number)
    if ordinal:
        last = words[-1]
        regular = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
        words[-1] = _IRREGULAR_ORDINALS.get(last, regular)
    return words


def _cardinal(number: int) -> list[str]:
    for unit, name in ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = _cardinal(number % unit) if number % unit else []
            return [*_cardinal(number // unit), name, *rest]
    if number < 20:
        return [_ONES[number]]
    rest = [_ONES[number % 10]] if number % 10 else []
    return [_TENS[number // 10], *rest]
