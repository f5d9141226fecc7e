"""Core: subtitles out of finals, cut to what can be read, with the times at which the words were said.

Two lines of 42 characters is the measure of the BBC's and Netflix's guides for one language or another; seven
seconds is Netflix's longest. Turns of one source follow each other; those of two sources may overlap, as the
people did, and each cue says whose it is then.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from heard.wire.codec import checked, take_or

Final = Mapping[str, object]
"""The body of a final or a revision, as published (docs/wire.md)."""

LINE_CHARACTERS = 42
CUE_LINES = 2
CUE_S = 7.0
"""No cue stands longer; a turn is cut at the word that would make it so."""
SHORTEST_CUE_S = 1.0
"""A shorter cue stays so long, where the next one leaves it the time."""
PAUSE_S = 1.0
"""A pause of so long between two words ends a cue."""
LABEL_CHARACTERS = 30
"""A longer name of a speaker is cut."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: seconds since the time that counts as zero, and one or two lines."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


class _Token(NamedTuple):
    """A word as it stands in the text, when it was said, and who said it ("" where nobody is told apart)."""

    text: str
    start_s: float
    end_s: float
    speaker: str


def cues(finals: Sequence[Final], started: float) -> list[Cue]:
    """Return the subtitles for `finals` by their start; those of one source do not overlap.

    Seconds count from `started` (UTC); what was over by then is left out. A cue names its source where there
    are several, and the speaker where the service tells one.
    """
    sources: dict[str, list[Final]] = {}
    for final in sorted(finals, key=began):
        sources.setdefault(take_or(final, "source", str, ""), []).append(final)
    made = [
        cue
        for source, turns in sources.items()
        for cue in _cues(turns, started, source if len(sources) > 1 else "")
    ]
    made = [replace(cue, start_s=max(0.0, cue.start_s)) for cue in made if cue.end_s > 0]
    return sorted(made, key=lambda cue: (cue.start_s, cue.end_s))


def began(final: Final) -> float:
    """Return when a final was said, 0 where it does not say."""
    return moment(final, "start", 0.0)


def moment(body: Mapping[str, object], name: str, otherwise: float) -> float:
    """Return a time of a body; `otherwise` where there is none, or no real one."""
    value = body.get(name)
    if not isinstance(value, float):
        value = take_or(body, name, float, otherwise)
    return value if math.isfinite(value) else otherwise


def words(final: Final) -> list[Mapping[str, object]]:
    """Return the words of a final."""
    return [checked(word, "words", dict) for word in take_or(final, "words", list, [])]


def one_line(written: str) -> str:
    """Return `written` as one line without control characters, which a terminal or a player would obey."""
    if written.isprintable():
        return " ".join(written.split())
    safe = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in written)
    return " ".join(safe.split())


def speaker(body: Mapping[str, object]) -> str:
    """Return who said a word, "" where the service does not tell."""
    return one_line(take_or(body, "speaker", str, "")) if "speaker" in body else ""


def label(source: str, who: str) -> str:
    """Return what stands before a text: the source, the speaker, both or neither."""
    return " ".join(part for part in (source, who) if part)[:LABEL_CHARACTERS]


def _cues(turns: Sequence[Final], started: float, source: str) -> Iterator[Cue]:
    pieces = [piece for turn in turns for piece in _pieces(_tokens(turn, started), source)]
    clock = -math.inf
    for number, piece in enumerate(pieces):
        start_s = max(clock, piece[0].start_s)
        following = pieces[number + 1][0].start_s if number + 1 < len(pieces) else math.inf
        end_s = max(piece[-1].end_s, min(start_s + SHORTEST_CUE_S, following))
        # A turn that begins before the one before has ended (two speakers) waits for it.
        end_s = max(min(end_s, max(following, piece[0].start_s), start_s + CUE_S), start_s + 0.001)
        clock = end_s
        yield Cue(round(start_s, 3), round(end_s, 3), _balanced(_texts(piece, source)))


def _tokens(final: Final, started: float) -> list[_Token]:
    """Return the words of the text with their times.

    The text is what the service formatted, the words are what it timed. Where their numbers agree
    each has its own time; else the time of the turn is shared out by the letters.
    """
    parts = one_line(take_or(final, "text", str, "")).split()
    timed = words(final)
    start = moment(final, "start", started)
    end = max(start, moment(final, "end", start))
    if len(parts) == len(timed):
        times = [(moment(word, "start", start), moment(word, "end", end)) for word in timed]
        speakers = [speaker(word) for word in timed]
    else:
        letters = sum(map(len, parts)) or 1
        edges = [0]
        for part in parts:
            edges.append(edges[-1] + len(part))
        times = [
            (start + (end - start) * low / letters, start + (end - start) * high / letters)
            for low, high in pairwise(edges)
        ]
        known = {speaker(word) for word in timed}
        speakers = [known.pop() if len(known) == 1 else ""] * len(parts)
    tokens: list[_Token] = []
    for part, (low, high), who in zip(parts, times, speakers, strict=True):
        # Only a word that fits no line is cut; its parts share its time.
        tokens.extend(
            _Token(part[at : at + LINE_CHARACTERS], low - started, high - started, who)
            for at in range(0, len(part), LINE_CHARACTERS)
        )
    return tokens


def _pieces(tokens: Sequence[_Token], source: str) -> Iterator[list[_Token]]:
    """Cut a turn into what fits one cue: at a speaker's or a sentence's end, at a pause, or when full."""
    piece: list[_Token] = []
    lines, column = 1, 0
    for token in tokens:
        if piece:
            more = _behind(lines, column, token.text)
            if (
                more[0] > CUE_LINES
                or piece[-1].speaker != token.speaker
                or piece[-1].text.endswith((".", "?", "!", "…"))
                or token.start_s - piece[-1].end_s >= PAUSE_S
                or token.end_s - piece[0].start_s > CUE_S
            ):
                yield piece
                piece = []
            else:
                lines, column = more
        if not piece:
            lines, column = 1, 0
            for text in _texts([token], source):
                lines, column = _behind(lines, column, text)
        piece.append(token)
    if piece:
        yield piece


def _behind(lines: int, column: int, text: str) -> tuple[int, int]:
    """Return the line, and how much of it is used, where `text` ends that follows there."""
    needed = column + len(text) + (column > 0)
    return (lines, needed) if needed <= LINE_CHARACTERS else (lines + 1, len(text))


def _texts(piece: Sequence[_Token], source: str) -> list[str]:
    """Return the words of a cue as they are shown: with the label before them."""
    texts = [token.text for token in piece]
    who = label(source, piece[0].speaker) if source or piece[0].speaker else ""
    return [f"{who}:", *texts] if who else texts


def _balanced(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a cue in one line, else in two of about the same length."""
    whole = " ".join(texts)
    if len(whole) <= LINE_CHARACTERS:
        return (whole,)
    at, shortest = 0, math.inf
    column = -1
    for text in texts[:-1]:
        column += 1 + len(text)
        longer = max(column, len(whole) - column - 1)
        if longer <= shortest:
            at, shortest = column, longer
    return (whole[:at], whole[at + 1 :])
