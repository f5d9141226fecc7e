"""The file that tells how far a bridge has come: private, written whole or not at all, used by one bridge."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from heard.bridges.errors import FAILURE, USAGE, StartError
from heard_client import Cursor

FOLDER = "bridges"
STALE_S = 600.0
"""A cursor of which only the time has moved is written again after so long."""


class Place:
    """The cursor of the bridge called `name`, in `state_dir`. Hold it in a `with` block.

    Raises (on entering):
        StartError: another bridge of that name runs, the folder cannot be used, or the file is no cursor.
    """

    def __init__(self, state_dir: Path, name: str) -> None:
        self.path = state_dir / FOLDER / f"{name}.json"
        self.cursor: Cursor | None = None
        """What the file holds; None where there is none."""
        self._name = name
        self._lock = -1

    def __enter__(self) -> Self:
        folder = self.path.parent
        try:
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(self.path.with_suffix(".lock"), flags, 0o600)
        except OSError as error:
            raise StartError(
                f"{error.filename}: {error.strerror}: the bridge keeps its place there; or give --state-dir"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._release()
            raise StartError(
                f"a bridge called {self._name} runs already; a second one needs a --name of its own", FAILURE
            ) from None
        try:
            self.cursor = self._read()
        except StartError:
            self._release()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._release()

    def write(self, cursor: Cursor) -> None:
        """Keep `cursor`: after a crash, or a loss of power, the file has it or the one before.

        Raises:
            OSError: it cannot be written; the one before stands.
        """
        new = self.path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(cursor.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.cursor = cursor

    def is_due(self, cursor: Cursor) -> bool:
        """Return whether `cursor` says something that the file does not."""
        kept = self.cursor
        if not cursor.run:
            return False  # nothing was ever handed over
        if kept is None or (kept.run, kept.seq) != (cursor.run, cursor.seq):
            return True
        return cursor.time - kept.time > STALE_S

    def _read(self) -> Cursor | None:
        try:
            return Cursor.from_json(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StartError(f"{self.path}: {error.strerror}") from None
        except ValueError:
            raise StartError(
                f"{self.path}: tells no place to go on from; remove it to begin with what is said from now, "
                "or with --since with what was said before",
                USAGE,
            ) from None

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
