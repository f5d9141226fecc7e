"""What a transcript holds besides its own fields: its words, and where the time went."""

from __future__ import annotations

from functools import partial
from operator import methodcaller
from typing import NamedTuple

from heard.wire.codec import Body, checked, take_or
from heard_client.fields import Fields


class Word(NamedTuple):
    """One word of a transcript and when it was said."""

    text: str
    start: float
    end: float
    confidence: float
    final: bool
    speaker: str | None = None


class LatencyTrace(NamedTuple):
    """Where the time from the end of the last word's audio to publication went, in milliseconds."""

    capture: float
    denoise: float
    upstream: float
    recognize: float
    publish: float
    total: float


def words_of(body: Body) -> tuple[Word, ...]:
    """Return the words of a transcript's body.

    Raises:
        WireError: a field in them has another type than it must have.
    """
    said = take_or(body, "words", list, [])
    try:
        columns = [*zip(*map(_WORD.given, said), strict=True), (*map(_SPEAKER, said),)]
    except (KeyError, TypeError, AttributeError):
        columns = []
    if [{*map(type, column)} for column in columns] in _WORD_COLUMNS:
        return (*map(_word, zip(*columns, strict=True)),)
    return tuple([_word(_WORD.values(checked(word, "words", dict))) for word in said])


def latency_of(body: Body) -> LatencyTrace:
    """Return the latency trace of a transcript's body.

    Raises:
        WireError: a field in it has another type than it must have.
    """
    return _trace(_TRACE.values(take_or(body, "latency_ms", dict, {})))


_WORD = Fields(
    (
        ("text", str, ""),
        ("start", float, 0.0),
        ("end", float, 0.0),
        ("confidence", float, 0.0),
        ("final", bool, False),
    ),
    (("speaker", str, None),),
)
_SPEAKER = methodcaller("get", "speaker")
_WORD_COLUMNS = [[{kind} for kind in kinds] for kinds in _WORD.kinds]
_word = partial(tuple.__new__, Word)
_TRACE = Fields(tuple((name, float, 0.0) for name in LatencyTrace._fields))
_trace = partial(tuple.__new__, LatencyTrace)
