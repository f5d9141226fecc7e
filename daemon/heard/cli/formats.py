"""Core of `heard transcribe --format`: final transcripts in, text, JSON, SRT or WebVTT out.

Takes the bodies of `transcript.final` as published (docs/wire.md). Subtitles count their time from the
start of the source and are cut to what can be read: two lines of 42 characters, which is the measure of
the BBC's and Netflix's guides for one language or another, and some seconds each.
"""

from __future__ import annotations

import html
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from heard.wire.codec import checked, take_or

Final = Mapping[str, object]

LINE_CHARACTERS = 42
CUE_LINES = 2
CUE_S = 6.0
"""A cue is ended at the next word after so long."""
SHORTEST_CUE_S = 1.0
"""A shorter cue stays so long, where the next one leaves it the time."""
PAUSE_S = 1.0
"""A pause of so long between two words ends a cue."""


FORMATS = ("text", "json", "srt", "vtt")
"""What a transcript can be written as."""


def render(finals: Sequence[Final], form: str, started: float) -> str:
    """Return `finals` as `form`, one of FORMATS; ends in a line feed unless empty.

    started: UTC (Unix seconds) of the source's sample 0 (status: `started`); times in the output count
    from it.

    Raises:
        WireError: a field of a final has another type than it must have.
        ValueError: there is no such format.
    """
    ordered = sorted(finals, key=lambda final: take_or(final, "start", float, 0.0))
    match form:
        case "text":
            return text(ordered)
        case "json":
            return as_json(ordered, started)
        case "srt":
            return srt(list(cues(ordered, started)))
        case "vtt":
            return vtt(list(cues(ordered, started)))
        case _:
            raise ValueError(f"format must be one of {FORMATS}, not {form!r}")


def text(finals: Sequence[Final]) -> str:
    """Return one line for each turn."""
    return "".join(f"{line}\n" for final in finals if (line := one_line(take_or(final, "text", str, ""))))


def as_json(finals: Sequence[Final], started: float) -> str:
    """Return one object: `text` (all of it), `started`, and `turns` with their words.

    `start_s` and `end_s` count from the start of the source, in seconds.
    """

    def since(body: Mapping[str, object], name: str) -> float:
        return round(take_or(body, name, float, started) - started, 3)

    def word(body: Mapping[str, object]) -> dict[str, object]:
        return {
            "text": take_or(body, "text", str, ""),
            "start_s": since(body, "start"),
            "end_s": since(body, "end"),
            "confidence": take_or(body, "confidence", float, 0.0),
        } | ({"speaker": body["speaker"]} if body.get("speaker") else {})

    turns = [
        {
            "turn_id": take_or(final, "turn_id", str, ""),
            "source": take_or(final, "source", str, ""),
            "text": take_or(final, "text", str, ""),
            "start_s": since(final, "start"),
            "end_s": since(final, "end"),
            "confidence": take_or(final, "confidence", float, 0.0),
            "language": take_or(final, "language", str, "") or None,
            "words": [word(each) for each in _words(final)],
        }
        for final in finals
    ]
    whole = {"v": 1, "started": started, "text": text(finals).replace("\n", " ").strip(), "turns": turns}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: seconds since the start of the source, and one or two lines."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as it stands in the text, and when it was said (seconds since the start of the source)."""

    text: str
    start_s: float
    end_s: float


def cues(finals: Sequence[Final], started: float) -> Iterator[Cue]:
    """Yield the subtitles for `finals` in order; none overlaps the next, none is shorter than 1 ms."""
    pieces = [piece for final in finals for piece in _pieces(_tokens(final, started))]
    clock = 0.0
    for number, piece in enumerate(pieces):
        start_s = max(clock, piece[0].start_s)
        following = pieces[number + 1][0].start_s if number + 1 < len(pieces) else float("inf")
        end_s = max(piece[-1].end_s, min(start_s + SHORTEST_CUE_S, following))
        # A turn that begins before the one before has ended (two speakers) waits for it.
        end_s = max(min(end_s, max(following, piece[0].start_s)), start_s + 0.001)
        clock = end_s
        yield Cue(start_s, end_s, tuple(_balanced([token.text for token in piece])))


def srt(subtitles: Sequence[Cue]) -> str:
    """Return `subtitles` as SubRip. It knows no escapes: an arrow in a line is drawn as one character."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n"
        + "".join(f"{line.replace('-->', '→')}\n" for line in cue.lines)
        for number, cue in enumerate(subtitles, 1)
    )


def vtt(subtitles: Sequence[Cue]) -> str:
    """Return `subtitles` as WebVTT, what would be markup escaped."""
    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n"
        + "".join(f"{html.escape(line, quote=False)}\n" for line in cue.lines)
        for cue in subtitles
    )


def one_line(written: str) -> str:
    """Return `written` as one line without control characters, which a terminal or a player would obey."""
    safe = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in written)
    return " ".join(safe.split())


def _words(final: Final) -> list[Mapping[str, object]]:
    return [checked(word, "words", dict) for word in take_or(final, "words", list, [])]


def _tokens(final: Final, started: float) -> list[_Token]:
    """Return the words of the text with their times.

    The text is what the service formatted, the words are what it timed. Where their numbers agree
    each has its own time; else the time of the turn is shared out by the letters.
    """
    parts = one_line(take_or(final, "text", str, "")).split()
    words = _words(final)
    start = take_or(final, "start", float, started)
    end = max(start, take_or(final, "end", float, start))
    if len(parts) == len(words):
        times = [(take_or(word, "start", float, start), take_or(word, "end", float, end)) for word in words]
    else:
        letters = sum(map(len, parts)) or 1
        edges = [0]
        for part in parts:
            edges.append(edges[-1] + len(part))
        times = [
            (start + (end - start) * low / letters, start + (end - start) * high / letters)
            for low, high in pairwise(edges)
        ]
    tokens: list[_Token] = []
    for part, (begun, ended) in zip(parts, times, strict=True):
        # Only a word that fits no line is cut; its parts share its time.
        for at in range(0, len(part), LINE_CHARACTERS):
            piece = part[at : at + LINE_CHARACTERS]
            tokens.append(_Token(piece, max(0.0, begun - started), max(0.0, ended - started)))
    return tokens


def _pieces(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    """Cut a turn into what fits one cue: at the end of a sentence, at a pause, after CUE_S, or when full."""
    piece: list[_Token] = []
    for token in tokens:
        if piece and (
            piece[-1].text.endswith((".", "?", "!", "…"))
            or token.start_s - piece[-1].end_s >= PAUSE_S
            or token.end_s - piece[0].start_s > CUE_S
            or not _fits([each.text for each in piece] + [token.text])
        ):
            yield piece
            piece = []
        piece.append(token)
    if piece:
        yield piece


def _fits(words: Sequence[str]) -> bool:
    return len(_filled(words, LINE_CHARACTERS)) <= CUE_LINES


def _filled(words: Sequence[str], characters: int) -> list[str]:
    """Return the words in lines of at most `characters`, each as full as it goes."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= characters:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _balanced(words: Sequence[str]) -> list[str]:
    """Return the words in as few lines as they need, these of about the same length."""
    full = _filled(words, LINE_CHARACTERS)
    if len(full) < CUE_LINES:
        return full
    narrow = next(
        width for width in range(1, LINE_CHARACTERS + 1) if len(_filled(words, width)) <= len(full)
        and max(map(len, _filled(words, width))) <= width
    )  # fmt: skip
    return _filled(words, narrow)


def _clock(seconds: float, point: str) -> str:
    """Return HH:MM:SS and milliseconds behind `point`; hours grow beyond two digits where they must."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"
