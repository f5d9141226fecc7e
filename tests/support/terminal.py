"""A real terminal (tmux) for a program under test: keys in, the screen out, of any size at any time."""

import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import Argument, run

LIMIT_S = 30


class Terminal:
    """A program on a terminal of a tmux server of its own. Made by `terminal`."""

    def __init__(self, server: Path) -> None:
        self._server = server

    def screen(self, *, styled: bool = False) -> list[str]:
        """Return the rows that are shown now, with escape sequences for their styles where `styled`."""
        text = self._tmux("capture-pane", "-p", *(["-e"] if styled else []))
        return [row.rstrip() for row in text.split("\n")[:-1]]

    def scrolled(self) -> list[str]:
        """Return all rows, those that have scrolled away first, without the empty ones."""
        return [
            row.rstrip() for row in self._tmux("capture-pane", "-p", "-S", "-").split("\n") if row.strip()
        ]

    def press(self, *keys: str) -> None:
        """Press keys, named as tmux names them: `q`, `Down`, `C-c`."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def until(self, predicate: Callable[[list[str]], object], deadline_s: float, what: str) -> list[str]:
        """Wait until the screen is as `predicate` says and return it.

        Raises:
            TimeoutError: it never was; the text has the screen.
        """
        deadline = time.monotonic() + deadline_s
        while not predicate(rows := self.screen()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {deadline_s:g} s for {what}; the screen:\n" + "\n".join(rows))
            time.sleep(0.05)
        return rows

    def _tmux(self, *words: str) -> str:
        done = run(["tmux", "-S", self._server, *words], limit_s=LIMIT_S)
        assert done.code == 0, done.stderr
        return done.stdout


@contextmanager
def terminal(
    argv: Sequence[Argument],
    folder: Path,
    *,
    columns: int = 80,
    rows: int = 24,
    env: Mapping[str, str] | None = None,
) -> Iterator[Terminal]:
    """Run a program on a terminal of this size while the block runs; its exit code is shown behind it."""
    server = folder / "tmux"
    words = " ".join(shlex.quote(os.fspath(word)) for word in argv)
    given = [word for name, value in (env or {}).items() for word in ("-e", f"{name}={value}")]
    size = ["-x", str(columns), "-y", str(rows)]
    shell = f"{words}; echo ended with $?; exec sleep 120"
    started = run(
        ["tmux", "-S", server, "-f", "/dev/null", "new-session", "-d", *size, *given, shell], limit_s=LIMIT_S
    )
    assert started.code == 0, started.stderr
    try:
        yield Terminal(server)
    finally:
        run(["tmux", "-S", server, "kill-server"], limit_s=LIMIT_S)
