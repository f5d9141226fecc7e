"""The last lines of a terminal, redrawn in place while finished lines scroll away above them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

from heard_client.cli.plain import cells

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: plain text and the SGR parameters it is shown with ("" for none)."""

    text: str
    style: str = ""

    def painted(self) -> str:
        """Return the line with its style switched on and off."""
        return f"\x1b[{self.style}m{self.text}\x1b[0m" if self.style else self.text


class Region:
    """Redraws lines at the cursor. The terminal may change its width meanwhile.

    Every line must be narrower than the terminal when it is drawn. A narrower terminal folds it later;
    how many rows it then takes is counted before it is cleared, so nothing stale stays behind.
    """

    def __init__(self, stream: TextIO, columns: Callable[[], int] | None = None) -> None:
        self._stream = stream
        self._columns = columns or (lambda: shutil.get_terminal_size().columns)
        self._drawn: list[int] = []

    def draw(self, lines: Sequence[Line]) -> None:
        """Show `lines` in place of those shown before."""
        self._write(self._cleared() + "\n".join(line.painted() for line in lines))
        self._drawn = [cells(line.text) for line in lines]

    def scroll(self, finished: Sequence[Line], lines: Sequence[Line]) -> None:
        """Let `finished` stay for good, and show `lines` below."""
        above = "".join(line.painted() + "\n" for line in finished)
        self._write(self._cleared() + above + "\n".join(line.painted() for line in lines))
        self._drawn = [cells(line.text) for line in lines]

    def close(self) -> None:
        """Clear the lines."""
        self.draw(())

    def _cleared(self) -> str:
        """Return what clears the rows drawn, from the last up to the first, and ends at its start."""
        columns = max(1, self._columns())
        rows = max(1, sum(max(1, -(-width // columns)) for width in self._drawn))
        # Row by row: tmux keeps a copy of what one "clear to the end" takes off the whole screen.
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
