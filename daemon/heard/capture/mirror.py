"""A ring's copy on a disk, for the case that the whole machine goes down.

The ring itself stays in memory, where a write never waits. A thread writes what is new to the copy about
once a second: first the samples, then, once they are on the disk, the record that counts them. So the copy
is sound at any moment at which the power may fail, and a disk that is slow or stuck delays only itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from heard.capture.blocks import Track
from heard.capture.ring import SLOT_BYTES
from heard.capture.ring_file import RingFile, RingTakenError
from heard.pipes import private_directory

log = logging.getLogger(__name__)

SYNC_S = 1.0
RETRY_S = 5.0
"""After a failure; the copy is then made anew."""
STUCK_S = 10.0
"""A write that takes so long is a fault."""
ZEROS = bytes(1 << 16)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be written: bytes and their offsets."""

    samples: list[tuple[int, memoryview]]
    wipes: list[tuple[int, int]]
    """(offset, bytes) to overwrite with zeros: what the copy's own record no longer needs."""
    record: bytes
    through: int
    """Number of the next sample then."""
    wiped: int
    """Samples below are wiped in the ring at that moment."""


class Mirror:
    """The copy of one ring of `size` bytes at `path`.

    `found` is the copy that was there, whose content is this ring's own and whose record stands in slot
    `slot`; None where there is none that can be gone on with. Until the first job is done what is at `path`
    stays sound. Samples below `wiped` are zeros in it.
    """

    def __init__(self, path: Path, size: int, found: RingFile | None, *, slot: int, wiped: int) -> None:
        self.path = path
        self.trouble: str | None = None
        """Why the copy is not up to date, None while it is."""
        self._size = size
        self.file = found
        """The copy's, None while it cannot be written."""
        self._ours = found is not None
        self._slot = slot
        self._through: int | None = None
        """Numbers below are in the copy; None: it is not known what is."""
        self._wiped = wiped
        self._recorded = wiped
        self._job: Job | None = None
        self._due = 0.0
        self._busy_since = 0.0
        self._done = threading.Event()
        self._done.set()

    @property
    def busy(self) -> bool:
        """Whether a job waits or is under way."""
        return not self._done.is_set()

    def offer(self, track: Track, now: float, *, at_once: bool = False) -> bool:
        """Prepare a job where one is due, or `at_once`; return whether the thread has something to do."""
        if self.busy:
            if now - self._busy_since > STUCK_S:
                self.trouble = f"{self.path}: nothing could be written for {STUCK_S:g} s"
            return False
        if now < self._due and not at_once:
            return False
        self._due = now + (SYNC_S if self.trouble is None else RETRY_S)
        self._busy_since = now
        self._job = self._made(track)
        self._done.clear()
        return True

    def wait(self, timeout_s: float) -> bool:
        """Wait for the job under way; return whether it is done."""
        return self._done.wait(timeout_s)

    def work(self) -> None:
        """Do the job, if there is one (called by the thread)."""
        job, self._job = self._job, None
        if job is None:
            return
        try:
            self._write(job)
            self.trouble = None
        except (OSError, RingTakenError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self.trouble = f"{self.path}: {reason}"
            self._give_up()
        self._done.set()

    def remove(self) -> None:
        """Remove the copy: all of it is settled. It must not be busy."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            # What is in it is wiped but for the lead-in; nothing else will ever remove it.
            log.error("%s: cannot be removed: %s", self.path, error.strerror)
        self._give_up()

    def close(self) -> None:
        """Let go of the copy; it stays. It must not be busy."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def _made(self, track: Track) -> Job:
        track.commit()
        record = track.record
        start = record.wiped if self._through is None else self._through
        samples = [
            region for place in track.places(start, track.next) for region in track.ring.regions(*place)
        ]
        wipes = [
            (offset, len(data))
            for place in track.places(self._wiped, self._recorded)
            for offset, data in track.ring.regions(*place)
        ]
        return Job(samples, wipes, track.ring.slot(), track.next, record.wiped)

    def _write(self, job: Job) -> None:
        file = self.file = self.file or self._begun()
        for offset, data in job.samples:
            _put(file.descriptor, data, offset)
        for offset, count in job.wipes:
            for at in range(0, count, len(ZEROS)):
                _put(file.descriptor, memoryview(ZEROS)[: count - at], offset + at)
        os.fdatasync(file.descriptor)
        # Never over the record that stands: a torn one would leave none.
        self._slot = 1 - self._slot
        _put(file.descriptor, memoryview(job.record), self._slot * SLOT_BYTES)
        os.fdatasync(file.descriptor)
        if file.path != self.path:
            file.rename(self.path)
            self._ours = True
            _sync_directory(self.path.parent)
        self._through = job.through
        self._wiped, self._recorded = self._recorded, job.wiped

    def _begun(self) -> RingFile:
        private_directory(self.path.parent)
        if self._ours and self.path.exists():
            # What failed is over: the same file, since there may be no room for two.
            return RingFile(self.path, time.monotonic())
        file = RingFile(self.path.with_name(self.path.name + ".new"), time.monotonic())
        try:
            file.reserve(self._size)
        except OSError:
            file.remove()
            raise
        return file

    def _give_up(self) -> None:
        if self.file is not None:
            # Its samples were synced, or the fault was told.
            with suppress(OSError):
                self.file.close()
        self.file = self._through = None


@dataclass(slots=True)
class Copier:
    """The thread that writes the copies, of all sources: they are on one disk."""

    mirrors: list[Mirror] = field(default_factory=list)
    """Filled before the first `wake`."""
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the jobs done that were prepared."""
        if self._thread is None:
            # A daemon: a disk that is stuck for good must not keep the process.
            self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
            self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            for mirror in self.mirrors:
                mirror.work()


def _put(descriptor: int, data: memoryview, offset: int) -> None:
    while len(data):
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
