"""Core: what is handed over, each turn once, and the cursor behind it."""

from __future__ import annotations

from collections import deque

from heard_client.cursor import Cursor
from heard_client.messages import Final, Message
from heard_client.sequences import Missed

PAST_TURNS = 256


class Handover:
    """The way out of an `Ordering`.

    cursor  where an earlier subscriber stopped
    """

    def __init__(self, cursor: Cursor) -> None:
        self.ready: deque[tuple[Message | Missed, Cursor]] = deque()
        """What is to be handed over, each with the cursor behind it."""
        self._cursor = cursor
        self._let_by: dict[str, Final] = {}
        """The newest final of each topic that was let by since `_cursor` was made."""
        self._turns: dict[str, None] = {}
        """Ids of the newest turns, oldest first."""

    @property
    def cursor(self) -> Cursor:
        """The cursor behind all that was let by and all that is in `ready`."""
        # Made when it is asked for: most never ask.
        for message in self._let_by.values():
            self._cursor = self._cursor.after(message)
        self._let_by.clear()
        return self._cursor

    @cursor.setter
    def cursor(self, cursor: Cursor) -> None:
        self._let_by.clear()
        self._cursor = cursor

    def hand(self, thing: Message | Missed) -> None:
        """Put something, and the cursor behind it, at the end of `ready`, unless its turn was here."""
        if isinstance(thing, Message):
            self.cursor = self.cursor.after(thing)
            if isinstance(thing, Final) and not self.is_new(thing):
                return  # `publish` was killed between journal and socket, and has published it again
        elif thing.last is not None and thing.run == self.cursor.run:
            self.cursor = Cursor(thing.run, self.cursor.time, {**self.cursor.seq, thing.topic: thing.last})
        self.ready.append((thing, self.cursor))

    def hand_early(self, row: Message) -> None:
        """Hand over what was said before the subscription; the cursor moves when all of that is here."""
        if isinstance(row, Final):
            self.is_new(row)
        self.ready.append((row, self.cursor))

    def let_by(self, final: Final) -> bool:
        """Move the cursor behind a final that is handed over at once; False where its turn was here."""
        if not self.is_new(final):
            return False
        self._let_by[final.topic] = final
        return True

    def is_new(self, final: Final) -> bool:
        """Remember a turn; return whether it is none of those that were handed over."""
        if final.turn_id in self._turns:
            return False
        self._turns[final.turn_id] = None
        if len(self._turns) > PAST_TURNS:
            del self._turns[next(iter(self._turns))]
        return True
