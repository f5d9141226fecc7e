"""The file below a `Slots`: opened, read, written. What it holds outlives the process, not the run."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from heard.publish.slots import Slots, Write

log = logging.getLogger(__name__)


class SlotFile:
    """One file of slots, mode 0600, of this run.

    A write that fails is counted and logged once until one succeeds; the caller goes on without it.
    """

    def __init__(self, path: Path, run: str, kind: str, slot_bytes: int) -> None:
        """Open `path`; what another run left is emptied.

        Raises:
            OSError: it can neither be opened nor made.
        """
        self.path = path
        self.faults = 0
        self.trouble: str | None = None
        """What is wrong now, for a person; None while it can be written."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.slots = Slots(path.read_bytes(), run, kind, slot_bytes)
        if not self.slots.continued:
            os.ftruncate(self._descriptor, 0)
            self.write(self.slots.header())

    def write(self, write: Write) -> None:
        """Make a write last beyond this process."""
        try:
            os.pwrite(self._descriptor, write.data, write.offset)
        except OSError as error:
            self.faults += 1
            trouble = f"{self.path}: cannot be written: {error.strerror}"
            if self.trouble is None:
                log.error("%s; goes on without", trouble)
            self.trouble = trouble
        else:
            self.trouble = None

    def close(self) -> None:
        """Close the file; it stays for the next process of this run."""
        os.close(self._descriptor)
