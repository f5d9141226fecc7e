"""A file that holds a ring, locked for as long as one process uses it: two must never write one ring."""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from pathlib import Path

from heard.capture.ring import HEADER_BYTES, MARGIN, Ring

POLL_S = 0.02


class RingTakenError(Exception):
    """Another process has the ring; the text says which file."""


class RingFile:
    """The file at `path` (mode 0600), open and locked; made where it is missing.

    `existed`: it was there before. A process that was killed may take a moment to let go: it is waited
    for until `deadline` (monotonic seconds).

    Raises:
        RingTakenError: another process still has it then.
        OSError: it can neither be opened nor made.
    """

    def __init__(self, path: Path, deadline: float) -> None:
        self.path = path
        self.existed = path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        while True:
            self.descriptor = os.open(path, flags, 0o600)
            try:
                self._lock(deadline)
                if self._is_at(path):
                    return
            except BaseException:
                self.close()
                raise
            # Removed by the one who had it, while we waited: what is there now counts.
            self.close()

    @property
    def size(self) -> int:
        """The file's size in bytes."""
        return os.fstat(self.descriptor).st_size

    def ring(self) -> Ring | None:
        """Return what the file holds as a ring, None where it is too small for one."""
        size = self.size
        if size <= HEADER_BYTES + 2 * MARGIN or size % 2:
            return None
        # Of a file with holes not every page can be written: that would end the process (SIGBUS).
        os.posix_fallocate(self.descriptor, 0, size)
        return Ring(mmap.mmap(self.descriptor, size))

    def reserve(self, size: int) -> None:
        """Make it a file of `size` zero bytes, whose room is taken at once.

        Raises:
            OSError: there is no room; then the file is left empty, and takes none.
        """
        self.empty()
        try:
            os.posix_fallocate(self.descriptor, 0, size)
        except OSError:
            self.empty()
            raise

    def empty(self) -> None:
        """Give up what it holds and the room that it takes; it stays as a sign that there was something."""
        os.ftruncate(self.descriptor, 0)

    def rename(self, path: Path) -> None:
        """Put it at `path`, in place of what is there."""
        self.path.rename(path)
        self.path = path

    def remove(self) -> None:
        """Remove and close it; what was mapped stays until it is let go."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Close it, and end the lock."""
        # Not by itself: a mapping holds a descriptor of its own.
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)

    def _lock(self, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RingTakenError(f"{self.path}: in use by another process") from None
                time.sleep(POLL_S)
            else:
                return

    def _is_at(self, path: Path) -> bool:
        try:
            found = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        mine = os.fstat(self.descriptor)
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)
