"""Where one source's ring lives, and what an earlier process left there.

The ring lives in a file of the runtime directory, which is memory: what it holds outlives the process.
Where there is no room for the file, it lives in the process alone until there is. A copy on the disk
(`mirror`) outlives the machine's going down as well.
"""

from __future__ import annotations

import logging
import mmap
import time
from dataclasses import dataclass
from pathlib import Path

from heard.capture.adopt import Taken, begun, copied, taken_over
from heard.capture.blocks import Track
from heard.capture.mirror import Copier, Mirror
from heard.capture.record import Record
from heard.capture.ring import Ring, ring_bytes
from heard.capture.ring_file import RingFile
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import WireError

log = logging.getLogger(__name__)

PREFIX = "ring."
LET_GO_S = 3.0
"""So long an earlier process, which is about to end, is waited for."""
HEAL_S = 2.0
"""Between two looks for room."""
LAST_COPY_S = 0.4
"""At the end, for what is not on the disk yet; most is."""


@dataclass(frozen=True, slots=True)
class Places:
    """Directories of rings. `disk` is looked at in any case, and written to where `copies`."""

    memory: Path
    disk: Path
    copies: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A ring file with a record. `copy`: the record may be older than what was done since."""

    file: RingFile
    ring: Ring
    record: Record
    copy: bool = False


class Store:
    """The ring of source `name` in run `run`, with its record, ready to be made a track.

    `retention` bounds the samples that are taken over from another run, `readable` is what the ring must
    hold.

    Raises:
        RingTakenError: another process has the file.
        OSError: there is not even memory for the ring.
    """

    def __init__(self, places: Places, name: str, run: str, *, retention: int, readable: int) -> None:
        self.name = name
        self.mirror: Mirror | None = None
        self._path = places.memory / (PREFIX + name)
        self._size = ring_bytes(readable)
        self._no_room: str | None = None
        self._heal_at = time.monotonic() + HEAL_S
        deadline = time.monotonic() + LET_GO_S
        self.file = self._opened(self._path, deadline)
        """Of the ring; empty while it lives in the process alone, None where there is none."""
        copy_path = places.disk / (PREFIX + name)
        disk_file = self._opened(copy_path, deadline) if copy_path.exists() else None
        memory, disk = read(self.file), read(disk_file, copy=True)
        best = _better(memory, disk, run)
        if best is None:
            # A file that holds nothing to go on from: numbers may have been given that nobody knows of.
            existed = self.file is not None and self.file.existed and not _is_fresh(self.file)
            taken = begun(run, time.time() if existed else None)
        else:
            taken = taken_over(best.record, run, retention=retention, utc=time.time() if best.copy else None)
        self.record = taken.record
        self._tell(taken)
        self.ring = self._ring(memory, best)
        if places.copies:
            self.mirror = self._mirror(copy_path, disk_file, disk)
        elif disk_file is not None:
            # Its content is in memory now, where it is wanted.
            disk_file.remove()

    @property
    def trouble(self) -> str | None:
        """What is wrong now, for a person."""
        return self._no_room or (self.mirror.trouble if self.mirror is not None else None)

    def heal(self, track: Track, now: float) -> None:
        """Move the ring into its file, where it has none and there is room now (monotonic seconds)."""
        if self._no_room is None or now < self._heal_at:
            return
        self._heal_at = now + HEAL_S
        self.file = self.file or self._opened(self._path, now)
        if self.file is not None and (ring := self._reserved(self.file)) is not None:
            track.move(ring)
            self._no_room = None

    def finish(self, track: Track, copier: Copier) -> None:
        """End in order: what is pending stays on the disk, where there is a copy; nothing else stays."""
        if self.mirror is not None and not self._last_copy(self.mirror, track, copier):
            log.error("%s: the newest audio is not on the disk, and lost with the machine", self.name)
        elif self.file is not None:
            self.file.remove()

    @staticmethod
    def _last_copy(mirror: Mirror, track: Track, copier: Copier) -> bool:
        """Bring the copy up to date, or remove it where nothing is pending; return whether that worked."""
        mirror.wait(LAST_COPY_S)
        if track.record.ledger.pending:
            track.record.closed = True
            track.touch()
            if mirror.offer(track, time.monotonic(), at_once=True):
                copier.wake()
                mirror.wait(LAST_COPY_S)
        elif not mirror.busy:
            mirror.remove()
        if mirror.busy or mirror.trouble is not None:
            return False
        mirror.close()
        return True

    def _opened(self, path: Path, deadline: float) -> RingFile | None:
        try:
            return RingFile(path, deadline)
        except OSError as error:
            self._lacks_room(path, error)
            return None

    def _reserved(self, file: RingFile) -> Ring | None:
        try:
            file.reserve(self._size)
        except OSError as error:
            self._lacks_room(file.path, error)
            return None
        return file.ring()

    def _lacks_room(self, path: Path, error: OSError) -> None:
        trouble = f"{path}: {error.strerror}: what is retained is lost with the process"
        if self._no_room is None:
            log.warning("%s: %s", self.name, trouble)
        self._no_room = trouble

    def _ring(self, memory: Found | None, best: Found | None) -> Ring:
        """Return the ring to go on with; it holds what is taken over."""
        if best is not None and best is memory and best.file.size == self._size:
            return best.ring
        file = self.file
        if best is not None and best is memory:
            # Of another size: it stays until its content is in the new one.
            file = self._opened(self._path.with_name(self._path.name + ".new"), time.monotonic())
        reserved = None if file is None else self._reserved(file)
        ring = Ring(mmap.mmap(-1, self._size)) if reserved is None else reserved
        if best is not None:
            copied(self.record, best.ring, ring)
        if file is not self.file and self.file is not None:
            if reserved is None:
                if file is not None:
                    file.remove()
                self.file.empty()
            elif file is not None:
                file.rename(self._path)
                self.file.close()
                self.file = file
        return ring

    def _mirror(self, path: Path, file: RingFile | None, found: Found | None) -> Mirror:
        """Go on with the copy where it has the same samples at the same places, else make it anew."""
        if file is not None and found is not None:
            same = found.record.numbered_by == self.record.numbered_by
            if same and file.size == self._size:
                slot, wiped = found.ring.standing, found.record.wiped
                return Mirror(path, self._size, file, slot=slot, wiped=wiped)
        if file is not None:
            file.close()
        return Mirror(path, self._size, None, slot=0, wiped=self.record.wiped)

    def _tell(self, taken: Taken) -> None:
        if taken.adopted:
            held_s = taken.adopted / WORKING_RATE_HZ
            log.info("%s: %.1f s that an earlier run retained are delivered now", self.name, held_s)
        if taken.lost:
            lost_s = taken.lost / WORKING_RATE_HZ
            log.error(
                "%s: %.1f s that an earlier run retained are more than capture.retention_s: given up",
                self.name,
                lost_s,
            )


def read(file: RingFile | None, *, copy: bool = False) -> Found | None:
    """Return what a file holds, None where it holds nothing or what cannot be read, which is logged."""
    if file is None:
        return None
    try:
        ring = file.ring()
        if ring is None:
            return None
        if ring.record is not None:
            return Found(file, ring, Record.unpack(ring.record, ring.grown), copy)
        reason = "of another version of heard, or damaged" if ring.foreign else ""
    except OSError as error:
        reason = str(error.strerror)
    except WireError as error:
        reason = str(error)
    if reason:
        held_s = file.size / 2 / WORKING_RATE_HZ
        log.error("%s: up to %.0f s of audio cannot be read and are given up: %s", file.path, held_s, reason)
    return None


def _better(memory: Found | None, disk: Found | None, run: str) -> Found | None:
    """Return which of the two to go on from: this run's, else the newest with something pending."""
    if memory is None or disk is None:
        return memory or disk
    if memory.record.numbered_by == disk.record.numbered_by:
        return memory
    best, other = sorted((memory, disk), key=lambda found: _rank(found.record, run), reverse=True)
    if held := other.record.ledger.pending_samples:
        held_s = held / WORKING_RATE_HZ
        log.error("%s: %.1f s beside newer audio are given up", other.file.path, held_s)
    return best


def _rank(record: Record, run: str) -> tuple[bool, bool, float]:
    newest = record.timeline.time_after(record.ledger.next)
    return record.run == run, bool(record.ledger.pending), newest


def _is_fresh(file: RingFile) -> bool:
    """Whether its process ended before it had given a number to any sample."""
    ring = file.ring() if file.size else None
    return ring is not None and ring.record is None and not ring.foreign
