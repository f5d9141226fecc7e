"""Core: what was heard as the bodies of the publish socket (docs/wire.md, transcripts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heard.upstream.backlog import Backlog
from heard.upstream.happenings import HeardTurn, HeardWord
from heard.upstream.messages import Relabelled
from heard.upstream.turns import text_of
from heard.wire.codec import Body


@dataclass(frozen=True, slots=True)
class Share:
    """What of a turn is a span's own: the words whose middle lies in [start, stop)."""

    text: str
    words: tuple[HeardWord, ...]

    @property
    def end(self) -> int | None:
        """One past the last word's last sample."""
        return max((word.end for word in self.words), default=None)


def share(turn: HeardTurn, start: int, stop: int | None) -> Share | None:
    """Return the part of a turn that was said in [start, stop); None where nothing was.

    The text is the service's own unless words had to be left out: audio that was said before (a
    replay, an overlap of two sessions) belongs to the final that said it first.
    """
    text = text_of(turn.turn)
    if not text:
        return None
    if not turn.words:
        return Share(text, ())
    own = tuple(
        word
        for word in turn.words
        if (word.start + word.end) // 2 >= start and (stop is None or (word.start + word.end) // 2 < stop)
    )
    if not own:
        return None
    return Share(text if len(own) == len(turn.words) else " ".join(word.text for word in own), own)


@dataclass(frozen=True, slots=True)
class Label:
    """What identifies a transcript."""

    source: str
    turn_id: str
    session: str
    backfill: bool


def body(label: Label, heard: HeardTurn, part: Share, times: Backlog, latency_ms: Body) -> Body:
    """Return the body of a partial or final. `start` and `end` are when it was said, in UTC."""
    words = [
        {
            "text": word.text,
            "start": round(times.time_of(word.start), 4),
            "end": round(times.end_time(max(word.end, word.start)), 4),
            "confidence": round(word.confidence, 4),
            "final": heard.final or word.final,
            **({"speaker": speaker} if (speaker := word.speaker or heard.turn.speaker) else {}),
        }
        for word in part.words
    ]
    first = min((word.start for word in part.words), default=times.stop)
    last = max((word.end for word in part.words), default=times.stop)
    confidence = sum(word.confidence for word in part.words) / max(1, len(part.words))
    made: Body = {
        "source": label.source,
        "turn_id": label.turn_id,
        "session": label.session,
        "text": part.text,
        "start": round(times.time_of(first), 4),
        "end": round(times.end_time(max(last, first)), 4),
        "words": words,
        "confidence": round(confidence, 4),
        "backfill": label.backfill,
        "latency_ms": latency_ms,
    }
    if heard.turn.language is not None:
        made["language"] = heard.turn.language
    return made


def relabelled(final: Body, labels: Relabelled) -> Body:
    """Return a final's body with new speakers; text and times stand."""
    words = final.get("words")
    old: Sequence[object] = words if isinstance(words, list) else ()
    new: list[object] = []
    for index, word in enumerate(old):
        speaker = labels.speakers[index] if index < len(labels.speakers) else None
        speaker = speaker or labels.speaker
        new.append({**word, "speaker": speaker} if isinstance(word, dict) and speaker else word)
    return {**final, "words": new}


def latency(spoken: float, handed: float, denoised: float, written: float, received: float) -> Body:
    """Return the parts of `latency_ms` that upstream knows, each at least 0 (times in UTC)."""
    marks = [spoken, handed, denoised, written, received]
    for index in range(1, len(marks)):
        marks[index] = max(marks[index], marks[index - 1])
    names = ("capture", "denoise", "upstream", "recognize")
    return {
        name: round((after - before) * 1000, 3)
        for name, before, after in zip(names, marks, marks[1:], strict=False)
    }
