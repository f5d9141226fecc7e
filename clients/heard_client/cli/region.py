"""The last lines of a terminal, redrawn in place while finished lines scroll away above them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from heard_client.cli.plain import cells

DEFAULT_COLUMNS = 80
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: plain text and the SGR parameters it is shown with ("" for none)."""

    text: str
    style: str = ""

    def painted(self) -> str:
        """Return the line with its style switched on and off."""
        return f"\x1b[{self.style}m{self.text}\x1b[0m" if self.style else self.text


def columns_of(stream: TextIO) -> int:
    """Return how wide a terminal is now; $COLUMNS is what it was when a shell set it."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_COLUMNS
    except OSError:
        return DEFAULT_COLUMNS


class Region:
    """Redraws lines at the cursor. The terminal may change its width meanwhile.

    Every line must be narrower than the terminal when it is drawn. A narrower terminal folds it later;
    how many rows it then takes is counted before it is cleared, so nothing stale stays behind.
    """

    def __init__(self, stream: TextIO, columns: Callable[[], int] | None = None) -> None:
        self._stream = stream
        self._columns = columns or (lambda: columns_of(stream))
        self._drawn: list[int] = []
        self._shown: tuple[int, list[str]] | None = None

    def draw(self, lines: Sequence[Line]) -> None:
        """Show `lines` in place of those shown before."""
        self.scroll((), lines)

    def scroll(self, finished: Sequence[Line], lines: Sequence[Line]) -> None:
        """Let `finished` stay for good, and show `lines` below; where nothing has changed, write nothing."""
        columns = max(1, self._columns())
        now = (columns, [line.painted() for line in lines])
        if not finished and now == self._shown:
            return
        above = "".join(line.painted() + "\n" for line in finished)
        self._stream.write(self._cleared(columns) + above + "\n".join(now[1]))
        self._stream.flush()
        self._drawn = [cells(line.text) for line in lines]
        self._shown = now

    def close(self) -> None:
        """Clear the lines."""
        self.draw(())

    def _cleared(self, columns: int) -> str:
        """Return what clears the rows drawn, from the last up to the first, and ends at its start."""
        rows = max(1, sum(max(1, -(-width // columns)) for width in self._drawn))
        # Row by row: tmux keeps a copy of what one "clear to the end" takes off the whole screen.
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1)
