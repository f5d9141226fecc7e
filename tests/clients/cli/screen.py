"""A terminal as small as it can be: what `Region` writes, as rows of characters."""

import re

TOKEN = re.compile(r"\x1b\[(\?25[hl]|\d*A|2K|[\d;]*m)|\r|\n|[^\x1b\r\n]", re.DOTALL)


class Screen:
    """Knows line feeds, carriage returns, cursor up, clear a row, and folding at its width.

    Anything else in what is written fails the test: `Region` has no use for it.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self._row = self._column = 0
        self.written = ""

    def write(self, text: str) -> int:
        """Show `text` at the cursor."""
        self.written += text
        position = 0
        while position < len(text):
            piece = TOKEN.match(text, position)
            assert piece, f"not understood: {text[position : position + 10]!r}"
            self._obey(piece[0])
            position = piece.end()
        return len(text)

    def flush(self) -> None:
        """Do nothing: what is written is shown at once."""

    def shown(self) -> list[str]:
        """Return the rows down to the cursor's; what is below must be empty."""
        assert not any(self.rows[self._row + 1 :])
        return self.rows[: self._row + 1]

    def resize(self, columns: int) -> None:
        """Fold every row at the new width, as terminals do; the cursor stays behind the last character."""
        self.rows = [
            row[at : at + columns] for row in self.shown() for at in range(0, max(len(row), 1), columns)
        ]
        self.columns = columns
        self._row, self._column = len(self.rows) - 1, len(self.rows[-1])

    def _obey(self, piece: str) -> None:
        if piece == "\r":
            self._column = 0
        elif piece == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self.rows):
                self.rows.append("")
        elif piece == "\x1b[2K":
            self.rows[self._row] = ""
        elif piece.endswith("A"):
            self._row -= int(piece[2:-1])
            assert self._row >= 0, "moved above the first row"
        elif not piece.startswith("\x1b"):
            self._put(piece)

    def _put(self, character: str) -> None:
        if self._column == self.columns:
            self._obey("\n")
            self._column = 0
        row = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = row[: self._column] + character + row[self._column + 1 :]
        self._column += 1
