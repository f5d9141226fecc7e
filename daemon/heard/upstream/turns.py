"""Core: which Turn messages are partials, which finals; exactly one final a turn, ever.

U3 models send one final, formatted. US models with `format_turns` send two with `end_of_turn`: raw,
then formatted. The raw one is held until the formatted one comes, a short wait is over, or the next
turn begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from heard.upstream.messages import Turn

FORMATTED_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn to show: the turn so far, or its one final."""

    turn: Turn
    final: bool
    received_at: float
    """Seconds of the caller's clock at which the message came."""


class Turns:
    """The turns of one session, by their `turn_order`."""

    def __init__(self, *, format_turns: bool = False) -> None:
        self.format_turns = format_turns
        """Whether a raw final is followed by a formatted one; may change within the session."""
        self.repeated = 0
        """Messages about a turn that had its final already."""
        self._next_order = 0
        self._held: Reading | None = None

    def push(self, turn: Turn, now: float) -> list[Reading]:
        """Take a message and return what is to be shown, in order."""
        out: list[Reading] = []
        if self._held is not None and turn.order > self._held.turn.order:
            out += self.flush()
        if turn.order < self._next_order:
            self.repeated += 1
            return out
        if not turn.end_of_turn:
            # A partial behind the raw final would take back what is already the last word.
            return out if self._held is not None else [*out, Reading(turn, final=False, received_at=now)]
        if self._held is None and self.format_turns and not turn.formatted:
            self._held = Reading(turn, final=True, received_at=now)
            return out
        self._held = None
        self._next_order = turn.order + 1
        return [*out, Reading(turn, final=True, received_at=now)]

    def tick(self, now: float) -> list[Reading]:
        """Return the raw final whose formatted one has not come in time."""
        if self._held is not None and now - self._held.received_at >= FORMATTED_WAIT_S:
            return self.flush()
        return []

    def flush(self) -> list[Reading]:
        """Return the raw final that is still held; no more is to come for it."""
        held, self._held = self._held, None
        if held is None:
            return []
        self._next_order = held.turn.order + 1
        return [held]


def text_of(turn: Turn) -> str:
    """Return a turn's text, with the words that its `transcript` does not hold yet.

    US transcripts hold frozen words only; U3 ones the whole turn so far.
    """
    spoken = " ".join(word.text for word in turn.words)
    return turn.transcript if _letters(turn.transcript) >= _letters(spoken) else spoken


def _letters(text: str) -> int:
    return sum(not character.isspace() for character in text)
