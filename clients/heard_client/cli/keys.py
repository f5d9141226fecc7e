"""Keys pressed while a command draws: read one at a time, without waiting, and not shown."""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import tty
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

Meaning = Literal["up", "down", "quit"]

_MEANINGS: dict[bytes, Meaning] = {
    b"q": "quit",
    b"Q": "quit",
    b"\x1b": "quit",
    b"\x04": "quit",
    b"k": "up",
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"j": "down",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
}

_KEY = re.compile(rb"\x1b[\[O][0-9;]*.|.", re.DOTALL)


class Keys:
    """The keyboard, in a `with` block; where stdin is no terminal nothing is ever pressed.

    Ctrl-C goes on to be the signal that it is.
    """

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._before = [] if self._descriptor is None else termios.tcgetattr(self._descriptor)

    def pressed(self) -> Iterator[Meaning]:
        """Yield what the keys pressed since the last call mean; others are passed over."""
        while self._descriptor is not None and select.select([self._descriptor], [], [], 0)[0]:
            # A terminal sends the bytes of an arrow key in one piece. None at all: it has gone.
            data = os.read(self._descriptor, 64) or b"q"
            for key in _KEY.findall(data):
                if key in _MEANINGS:
                    yield _MEANINGS[key]

    def __enter__(self) -> Self:
        if self._descriptor is not None:
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
