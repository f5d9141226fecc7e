"""Core of `heardctl listen`: messages in, lines of a terminal or of a file out. Knows no socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from heard_client.cli.plain import cells, one_line, wrap
from heard_client.cli.region import Line
from heard_client.messages import (
    Fault,
    Final,
    Gap,
    Message,
    Partial,
    Revised,
    SourceEvent,
    Transcript,
    UpstreamEvent,
)

COLOURS = ("36", "33", "35", "32", "34", "31")
DIM = "2"
PARTIAL_LINES = 3
"""A longer partial shows its end."""

QUIET_EVENTS = {"connecting", "open", "rotated"}
"""What a session does every day is not told to somebody who reads captions."""


@dataclass(slots=True)
class Captions:
    """The open turns, and the colour of each source in the order in which they first spoke.

    named     whether lines begin with the source's name
    colours   whether lines have a style at all
    """

    named: bool = True
    colours: bool = True
    _open: dict[str, Partial] = field(default_factory=dict)
    _run: str = ""
    _colours: dict[str, str] = field(default_factory=dict)

    def take(self, message: Message, columns: int) -> list[Line]:
        """Take a message in and return the lines that it adds for good, none wider than `columns`."""
        if message.run != self._run and not isinstance(message, Final | Revised):
            # Another run of the daemon never finishes the turns of the one before, but what that one did
            # finish may come late.
            self._run = message.run
            self._open.clear()
        match message:
            case Partial():
                self._open[message.source] = message
            case Final():
                # Another turn may already be open, when this one was backfilled.
                partial = self._open.get(message.source)
                if partial is not None and partial.turn_id == message.turn_id:
                    del self._open[message.source]
                return self._spoken(message, message.text, columns)
            case Revised():
                return self._spoken(message, f"(corrected) {message.text}", columns)
            case _:
                note = about(message)
                return self.note(note, columns) if note else []
        return []

    def lines(self, columns: int) -> list[Line]:
        """Return the open turns as they are to be shown now, none wider than `columns`."""
        shown: list[Line] = []
        for partial in self._open.values():
            spoken = self._spoken(partial, partial.text, columns)
            shown += spoken[-PARTIAL_LINES:]
        return [Line(line.text, self._style(f"{DIM};{line.style}" if line.style else DIM)) for line in shown]

    def note(self, text: str, columns: int) -> list[Line]:
        """Return a remark that is no transcript."""
        return [Line(line, self._style(DIM)) for line in wrap(f"({text})", columns)]

    def _spoken(self, message: Transcript, text: str, columns: int) -> list[Line]:
        prefix = f"{message.source}: " if self.named else ""
        colour = self._colours.setdefault(message.source, COLOURS[len(self._colours) % len(COLOURS)])
        indent = " " * cells(prefix) if 2 * cells(prefix) < columns else ""
        wrapped = wrap(one_line(text), columns - max(cells(prefix), cells(indent)))
        return [
            Line((indent if number else prefix) + line, self._style(colour))
            for number, line in enumerate(wrapped)
        ]

    def _style(self, style: str) -> str:
        return style if self.colours else ""


def as_text(message: Message, *, named: bool) -> str | None:
    """Return the line for a file or a pipe: a final's text; None for any other message."""
    if not isinstance(message, Final):
        return None
    text = one_line(message.text)
    return f"{message.source}: {text}" if named else text


def about(message: Message) -> str | None:
    """Return what an event means to a reader of captions, None where it is nothing to them."""
    match message:
        case SourceEvent(event="verdict"):
            return _note(message.source, message.verdict or "verdict", message.detail)
        case SourceEvent():
            return _note(message.source, message.event, message.detail)
        case UpstreamEvent(event=event) if event not in QUIET_EVENTS:
            return _note(message.source, event, message.reason)
        case Gap():
            seconds = message.end - message.start
            return _note(message.source, f"{seconds:.1f} s of audio lost", message.reason)
        case Fault(event="over"):
            return one_line(f"{message.what}: well again")
        case Fault():
            return _note(message.process, f"{message.what} at fault", message.detail)
        case _:
            return None


def _note(source: str, what: str, why: str | None) -> str:
    return one_line(f"{source}: {what}, {why}" if why else f"{source}: {what}")
