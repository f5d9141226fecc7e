"""Frames of the publish socket to messages, in as few steps of Python as it takes.

Twenty programs that all wake for the same final share the machine's cores, and find their caches cold: a
step costs several times there what it costs in a loop. So a map is looked at as a whole, by functions that
the interpreter brings, and field by field only where it is not as `publish` sends it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from itertools import product, repeat
from operator import call, itemgetter, methodcaller
from types import NoneType

from heard.wire.codec import Body, checked, unpack
from heard.wire.topics import DAEMON_WIDE, Topic
from heard_client.messages import (
    Audio,
    Fault,
    Final,
    Gap,
    LatencyTrace,
    Level,
    Message,
    Partial,
    Revised,
    SourceEvent,
    Spectrum,
    StatusMessage,
    Transcript,
    UpstreamEvent,
    Word,
)

Values = tuple[object, ...]
Table = tuple[tuple[str, type, object], ...]
"""Fields: name, type on the wire, and what stands for one that is missing."""
Reader = Callable[[str, str, Body], Message]
"""Makes a message: of its full topic, the source that is named there, and the body."""


def parse(topic: str, data: bytes) -> Message | None:
    """Return the message that the two frames hold; None for a topic that this version does not know.

    Raises:
        WireError: the body is no map, or a field in it has another type than it must have.
    """
    known = split(topic)
    return None if known is None else READERS[known[0]](topic, known[1], unpack(data))


def from_body(topic: str, body: Body) -> Message | None:
    """Return the message that an already decoded body holds, as `parse` does."""
    known = split(topic)
    return None if known is None else READERS[known[0]](topic, known[1], body)


@lru_cache(maxsize=1024)
def split(topic: str) -> tuple[Topic, str] | None:
    """Return what a full topic is about and the source it names; None where it is not known."""
    if topic in DAEMON_WIDE:
        return Topic(topic), ""
    head, _, source = topic.rpartition(".")
    try:
        subject = Topic(head)
    except ValueError:
        return None
    return (subject, source) if source and subject not in DAEMON_WIDE else None


class Fields:
    """Fields of a map: those that are always `given`, then the `others`, which may be left out.

    names  all of them, in this order, which is that of the values
    given  takes the values of the first ones out of a map in one go; KeyError where one is missing
    kinds  types that the values may have, where none is an int in place of a float
    """

    def __init__(self, given: Table, others: Table = ()) -> None:
        self._table = given + others
        self.names = [name for name, _, _ in self._table]
        self.given = itemgetter(*(name for name, _, _ in given))
        self._others = tuple(name for name, _, _ in others)
        self.kinds = frozenset(
            product(*((of, NoneType)[: 1 + (lack is None)] for _, of, lack in self._table))
        )

    def values(self, body: Body) -> Values:
        """Return all values, whatever is missing.

        Raises:
            WireError: one has another type than it must have.
        """
        try:
            values = (*self.given(body), *map(body.get, self._others))
            if tuple(map(type, values)) in self.kinds:
                return values
        except KeyError:
            pass
        found = zip(map(body.get, self.names), self._table, strict=True)
        return tuple(
            [lack if value is None else checked(value, name, of) for value, (name, of, lack) in found]
        )


def _reader(kind: type[Message], given: Table = (), others: Table = ()) -> Reader:
    """Return what makes messages of one kind out of the header and these fields."""
    fields = Fields(_HEADER + given, others)
    make = _maker(kind, (*fields.names, "topic", "body"))

    def read(topic: str, source: str, body: Body) -> Message:
        return make((*_sourced(fields.values(body), source), topic, body))

    return read


def _status_reader() -> Reader:
    """Return what makes a message of a status, which is not looked at: a daemon may add to it."""
    fields = Fields(_HEADER)
    make = _maker(StatusMessage, (*fields.names, "topic", "body", "status"))

    def read(topic: str, source: str, body: Body) -> Message:
        return make((*_sourced(fields.values(body), source), topic, body, body))

    return read


def _transcript_reader(kind: type[Transcript]) -> Reader:
    """Return what makes transcripts, whose words and latency are maps themselves."""
    fields = Fields(_HEADER + _TRANSCRIPT, _LANGUAGE)
    make = _maker(kind, (*fields.names, "topic", "body"))

    def read(topic: str, source: str, body: Body) -> Message:
        # All in one function: each that is called costs as much as ten lines here.
        try:
            *plain, words, trace = fields.given(body)
            language = body.get("language")
            columns = [*zip(*map(_WORD.given, words), strict=True), (*map(_SPEAKER, words),)]
            stages = _TRACE.given(trace)
        except (KeyError, TypeError, AttributeError):
            return slowly(topic, source, body)
        if (
            (*map(type, plain), list, dict, type(language)) in fields.kinds
            and [{*map(type, column)} for column in columns] in _WORD_COLUMNS
            and (*map(type, stages),) in _TRACE.kinds
            and plain[_SOURCE]
        ):
            said = (*map(_word, zip(*columns, strict=True)),)
            return make((*plain, said, _trace(stages), language, topic, body))
        return slowly(topic, source, body)

    def slowly(topic: str, source: str, body: Body) -> Message:
        *plain, words, trace, language = _sourced(fields.values(body), source)
        assert isinstance(words, list), "its type was looked at"
        assert isinstance(trace, dict), "its type was looked at"
        said = tuple([_word(_WORD.values(checked(word, "words", dict))) for word in words])
        return make((*plain, said, _trace(_TRACE.values(trace)), language, topic, body))

    return read


def _sourced(values: Values, source: str) -> Values:
    """Return the values with the source that the topic names where the header names none."""
    return values if values[_SOURCE] else (*values[:_SOURCE], source, *values[_SOURCE + 1 :])


def _maker(kind: type[Message], names: Iterable[str]) -> Callable[[Values], Message]:
    """Return what makes a message out of the values of all its fields, in the order of `names`."""
    # A slot's own way to be set passes by the frozen class, as that class's __init__ has to; but in C.
    setters = [getattr(kind, name).__set__ for name in names]

    def make(values: Values) -> Message:
        message = object.__new__(kind)
        deque(map(call, setters, repeat(message), values), maxlen=0)
        return message

    return make


_HEADER: Table = (
    ("v", int, 0),
    ("run", str, ""),
    ("seq", int, 0),
    ("time", float, 0.0),
    ("source", str, ""),
)
_SOURCE = 4
_TRANSCRIPT: Table = (
    ("turn_id", str, ""),
    ("session", str, ""),
    ("text", str, ""),
    ("start", float, 0.0),
    ("end", float, 0.0),
    ("confidence", float, 0.0),
    ("backfill", bool, False),
    ("words", list, []),
    ("latency_ms", dict, {}),
)
_LANGUAGE: Table = (("language", str, None),)
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
_LEVELS = ("rms_dbfs", "peak_dbfs", "denoised_rms_dbfs", "denoised_peak_dbfs", "snr_db")

READERS: dict[Topic, Reader] = {
    Topic.PARTIAL: _transcript_reader(Partial),
    Topic.FINAL: _transcript_reader(Final),
    Topic.REVISED: _transcript_reader(Revised),
    Topic.SOURCE: _reader(SourceEvent, (("event", str, ""), ("detail", str, "")), (("verdict", str, None),)),
    Topic.UPSTREAM: _reader(
        UpstreamEvent, (("event", str, ""),), (("session", str, None), ("reason", str, None))
    ),
    Topic.GAP: _reader(
        Gap, (("reason", str, ""), ("samples", int, 0), ("start", float, 0.0), ("end", float, 0.0))
    ),
    Topic.LEVEL: _reader(Level, (), tuple((name, float, None) for name in _LEVELS)),
    Topic.AUDIO: _reader(
        Audio, (("sample", int, 0), ("start", float, 0.0), ("rate_hz", int, 0), ("pcm", bytes, b""))
    ),
    Topic.SPECTRUM: _reader(
        Spectrum,
        (
            ("start", float, 0.0),
            ("low_hz", float, 0.0),
            ("high_hz", float, 0.0),
            ("bands_dbfs", bytes, b""),
            ("denoised_bands_dbfs", bytes, b""),
        ),
    ),
    Topic.FAULT: _reader(
        Fault, (("process", str, ""), ("what", str, ""), ("event", str, ""), ("detail", str, ""))
    ),
    Topic.STATUS: _status_reader(),
}
