"""Word errors of a transcript, in the style of the corpus manifest: lower case, numbers as words."""

import re
from collections.abc import Iterable

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


def words_of(text: str) -> list[str]:
    """Return the words of `text` as they are compared."""
    words: list[str] = []
    for token in _TOKEN.findall(text.lower().replace("\u2019", "'")):
        if token[0].isdigit():
            words += _number_words(token)
        else:
            words += _WRITTEN_OUT.get(token, token).split("-")
    return words


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Return (errors, words of the reference): the least substitutions, insertions, deletions."""
    wanted, found = words_of(reference), words_of(hypothesis)
    row = list(range(len(found) + 1))
    for i, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, start=1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other)),
            )
    return row[-1], len(wanted)


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return errors by words, pooled over pairs of reference and hypothesis."""
    counts = [word_errors(reference, hypothesis) for reference, hypothesis in pairs]
    return sum(errors for errors, _ in counts) / max(1, sum(words for _, words in counts))


def _number_words(token: str) -> list[str]:
    digits = token.rstrip("stndrh")
    ordinal = digits != token
    number = int(digits.replace(",", ""))
    if 1100 <= number < 2000 and digits.isdigit() and not ordinal:  # as years are read
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
