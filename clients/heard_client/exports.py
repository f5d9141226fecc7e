"""Core: finals as text, JSON, SubRip, WebVTT or Markdown.

For `heardctl history`, `heard transcribe` and your program. Takes bodies as published (docs/wire.md), in any
order. Whatever was said comes out as it was said: what a player or browser would take for markup is escaped.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo

from heard.wire.codec import take_or
from heard_client.cues import Cue, Final, began, cues, label, moment, one_line, speaker, words

FORMATS = ("text", "json", "srt", "vtt", "markdown")
"""What a transcript can be written as."""

JOINER = "\u2060"
"""WORD JOINER: takes no room and cannot be seen. SubRip has no escapes; with this behind its beginning, what
looks like a tag or an arrow is none, and is shown as it stands."""

_TAG = re.compile(r"<(?=[/a-zA-Z])|--(?=>)|\\(?=[Nnh])")
_BRACES = str.maketrans("{}", "\uff5b\uff5d")
"""Players that draw SubRip by way of ASS hide what stands in braces; the wide ones look alike."""
_MARKDOWN = re.compile(r"([\\`*_\[\]<>&~|$])")


def render(finals: Sequence[Final], form: str, started: float, zone: tzinfo | None = None) -> str:
    """Return `finals` as `form`, one of FORMATS; ends in a line feed unless empty.

    started  UTC (Unix seconds); times in `json`, `srt` and `vtt` count from it
    zone     of the times of day in `markdown`; None is the machine's

    Raises:
        WireError: a field of a final has another type than it must have.
        ValueError: there is no such format.
    """
    ordered = sorted(finals, key=began)
    match form:
        case "text":
            return text(ordered)
        case "json":
            return as_json(ordered, started)
        case "srt":
            return srt(cues(ordered, started))
        case "vtt":
            return vtt(cues(ordered, started))
        case "markdown":
            return markdown(ordered, zone)
        case _:
            raise ValueError(f"format must be one of {FORMATS}, not {form!r}")


def text(finals: Sequence[Final]) -> str:
    """Return one line for each turn."""
    return "".join(f"{line}\n" for final in finals if (line := one_line(take_or(final, "text", str, ""))))


def dated(final: Final, zone: tzinfo | None = None) -> str:
    """Return one line with the day, the time and the source of a turn; "" where nothing was said."""
    line = one_line(take_or(final, "text", str, ""))
    if not line:
        return ""
    return f"{_local(final, zone):%Y-%m-%d %H:%M:%S} {take_or(final, 'source', str, '')}: {line}\n"


def as_json(finals: Sequence[Final], started: float) -> str:
    """Return one object: `text` (all of it), `started`, and `turns` with their words.

    `start_s` and `end_s` count from `started`, in seconds.
    """

    def since(body: Mapping[str, object], name: str) -> float:
        return round(moment(body, name, started) - started, 3)

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
            "words": [word(each) for each in words(final)],
        }
        for final in finals
    ]
    whole = {"v": 1, "started": started, "text": text(finals).replace("\n", " ").strip(), "turns": turns}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def srt(subtitles: Sequence[Cue]) -> str:
    """Return `subtitles` as SubRip."""
    return "\n".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n"
        + "".join(f"{_TAG.sub(_joined, line).translate(_BRACES)}\n" for line in cue.lines)
        for number, cue in enumerate(subtitles, 1)
    )


def vtt(subtitles: Sequence[Cue]) -> str:
    """Return `subtitles` as WebVTT."""
    return "WEBVTT\n" + "".join(
        f"\n{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n"
        + "".join(f"{html.escape(line, quote=False)}\n" for line in cue.lines)
        for cue in subtitles
    )


def markdown(finals: Sequence[Final], zone: tzinfo | None = None) -> str:
    """Return a document: a heading for each day, for each turn a paragraph that begins with time and name."""
    return "".join(_paragraphs(finals, zone))


def _paragraphs(finals: Sequence[Final], zone: tzinfo | None) -> Iterator[str]:
    day = ""
    for final in finals:
        said = one_line(take_or(final, "text", str, ""))
        if not said:
            continue
        local = _local(final, zone)
        if not day:
            offset = f"{local:%z}"
            yield f"# Transcript\n\nTimes are UTC{offset[:3]}:{offset[3:5]}.\n"
        if day != f"{local:%Y-%m-%d}":
            day = f"{local:%Y-%m-%d}"
            yield f"\n## {day}\n"
        speakers = {speaker(word) for word in words(final)}
        who = label(take_or(final, "source", str, ""), speakers.pop() if len(speakers) == 1 else "")
        yield f"\n**{local:%H:%M:%S} {_plain(who)}** {_plain(said)}\n"


def _plain(written: str) -> str:
    """Return text that Markdown shows as it is; nothing stands at the start of a line here."""
    return _MARKDOWN.sub(r"\\\1", written)


def _joined(found: re.Match[str]) -> str:
    return f"{found[0]}{JOINER}"


def _local(final: Final, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(began(final), zone).astimezone(zone)


def _clock(seconds: float, point: str) -> str:
    """Return HH:MM:SS and milliseconds behind `point`; hours grow beyond two digits where they must."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{milliseconds:03}"
