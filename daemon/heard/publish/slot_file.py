"""The file below a `Slots`: opened, read, written. What it holds outlives the process."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from heard.pipes import private_directory
from heard.publish.slots import Slots, Write
from heard.settings import Settings

log = logging.getLogger(__name__)

ONCE = "publish.once"


class SlotFile:
    """One file of slots, mode 0600, of this run, or (`run` "") of all.

    A write that fails is counted and logged once until one succeeds; the caller goes on without it.
    """

    def __init__(self, path: Path, run: str, kind: str, slot_bytes: int) -> None:
        """Open `path`; what does not count is emptied.

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


def once_path(settings: Settings, runtime_dir: Path) -> Path:
    """Return where it is remembered what was published: beside the audio that may come again.

    Where that has moved since the last run, the memory moves with it.
    """
    memory, disk = runtime_dir / ONCE, Path(settings.state_dir) / "spool" / ONCE
    path, other = (disk, memory) if settings.capture.spool == "disk" else (memory, disk)
    try:
        if path == disk:
            private_directory(disk.parent)
        if other.exists() and not (path.exists() and path.stat().st_mtime > other.stat().st_mtime):
            shutil.copyfile(other, path)
            path.chmod(0o600)
        other.unlink(missing_ok=True)
    except OSError as error:
        log.error("%s: %s: %s is used instead", path, error.strerror, memory)
        return memory
    return path
