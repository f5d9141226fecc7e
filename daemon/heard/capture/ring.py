"""The retention ring: the newest samples of one source and a record about them, in one flat buffer.

    0            HEADER_BYTES
    | slot | slot | samples, int16, the nth at n modulo capacity |

The buffer is a mapped file, so what was written is there for the next process however this one
ended. Three rules make every moment a good one to die:

- A record is written to the slot that does not hold the newest one, with a sequence number and a
  checksum. A torn slot fails its checksum, and the one before it still stands.
- Samples count only once a record says so, and the samples they overwrite were given up `MARGIN`
  samples earlier by the record that stands.
- Where more samples are all that is new, the record stays, and a number beside it says how many: one
  aligned store of eight bytes, which no death of the process can tear.
"""

from __future__ import annotations

import mmap
import struct
import zlib

import numpy as np
import numpy.typing as npt

from heard.settings import WORKING_RATE_HZ

Samples = npt.NDArray[np.int16]
Buffer = bytearray | mmap.mmap

MARGIN = 2 * WORKING_RATE_HZ
"""Samples that may be written between two records: the oldest are no longer readable that early."""

SLOT_BYTES = 128 * 1024
HEADER_BYTES = 2 * SLOT_BYTES
MAGIC = b"heardrg3"
"""Also the version of the layout: what another one holds cannot be read."""

_HEAD = struct.Struct("<8sIQQI")
"""Magic; CRC-32 of all that follows, record included; sequence number; capacity; length of the record."""
_CRC_FROM = 12
_RECORD_FROM = _HEAD.size + 8
"""In a slot: between head and record are the samples that came after it, as int64."""


class Ring:
    """Samples and record in `buffer`, which the caller owns and keeps alive.

    A buffer of another layout or capacity, or without a sound record, reads as empty: `record` is
    None. `foreign` says that there is something nevertheless.
    """

    def __init__(self, buffer: Buffer) -> None:
        """Take over what the buffer holds.

        Raises:
            ValueError: it is too small to hold more than MARGIN samples.
        """
        self._view = memoryview(buffer)
        self._samples: Samples = np.frombuffer(buffer, dtype="<i2", offset=HEADER_BYTES)
        self._grown = [np.frombuffer(buffer, "<i8", 1, slot * SLOT_BYTES + _HEAD.size) for slot in (0, 1)]
        self.capacity = len(self._samples)
        if self.capacity <= MARGIN:
            raise ValueError(f"a ring of {self.capacity} samples is too small: more than {MARGIN} are needed")
        self.sequence = 0
        """Of the record that stands."""
        self.standing = 0
        """The slot in which it is."""
        self._unrecorded = 0
        self.record: bytes | None = None
        for slot in (0, 1):
            found = self._read_slot(slot)
            if found is not None and found[0] > self.sequence:
                self.sequence, self.record = found
                self.standing = slot
        self.foreign = self.record is None and any(
            any(self._view[at : at + _HEAD.size]) for at in (0, SLOT_BYTES)
        )

    @property
    def grown(self) -> int:
        """How many samples came after the record that stands."""
        return int(self._grown[self.standing][0])

    @property
    def readable(self) -> int:
        """How many of the newest samples can be read."""
        return self.capacity - MARGIN

    @property
    def room(self) -> int:
        """How many samples may be written before the next record."""
        return MARGIN - self._unrecorded

    def write(self, sample: int, pcm: Samples) -> None:
        """Place `pcm` from number `sample` on; a record must follow before it counts.

        Raises:
            ValueError: more than `room` samples.
        """
        if len(pcm) > self.room:
            raise ValueError(f"{len(pcm)} samples at once: at most {self.room} before the next record")
        self._unrecorded += len(pcm)
        self._place(sample, pcm)

    def read(self, start: int, stop: int) -> bytes:
        """Return samples [start, stop) as s16le; they must be among the newest `readable`."""
        at, size = start % self.capacity, stop - start
        first = min(size, self.capacity - at)
        return self._samples[at : at + first].tobytes() + self._samples[: size - first].tobytes()

    def wipe(self, start: int, stop: int) -> None:
        """Overwrite samples [start, stop) with zeros; they must be among the newest `readable`."""
        if start < stop:
            at, size = start % self.capacity, stop - start
            first = min(size, self.capacity - at)
            self._samples[at : at + first] = 0
            self._samples[: size - first] = 0

    def copy(self, other: Ring, start: int, stop: int) -> None:
        """Take samples [start, stop) over from `other`, whatever its capacity; at most `readable` of them."""
        for at in range(start, stop, MARGIN):
            part = np.frombuffer(other.read(at, min(at + MARGIN, stop)), dtype="<i2")
            self._place(at, part.astype(np.int16, copy=False))

    def regions(self, start: int, stop: int) -> list[tuple[int, memoryview]]:
        """Return samples [start, stop) as (offset, bytes) of the buffer: views, which later writes change."""
        at, size = start % self.capacity, stop - start
        first = min(size, self.capacity - at)
        parts = [(at, first), (0, size - first)]
        return [
            (begin, self._view[begin : begin + 2 * count])
            for begin, count in ((HEADER_BYTES + 2 * place, count) for place, count in parts)
            if count
        ]

    def slot(self) -> bytes:
        """Return the record that stands as the bytes of a slot; it may lie in either of a copy's."""
        at = self.standing * SLOT_BYTES
        return bytes(self._view[at : at + _RECORD_FROM + len(self.record or b"")])

    def commit(self, record: bytes, sequence: int | None = None) -> None:
        """Make `record` the one that stands; `sequence` where it goes on from another ring's.

        Raises:
            ValueError: it is too long for a slot.
        """
        if len(record) > SLOT_BYTES - _RECORD_FROM:
            raise ValueError(f"a record of {len(record)} bytes does not fit {SLOT_BYTES}")
        self.sequence = self.sequence + 1 if sequence is None else sequence
        self.standing = 1 - self.standing
        at = self.standing * SLOT_BYTES
        head = _HEAD.pack(MAGIC, 0, self.sequence, self.capacity, len(record))
        crc = zlib.crc32(record, zlib.crc32(head[_CRC_FROM:]))
        # The record that was here is older than the one that stands: what came after it is nobody's.
        self._grown[self.standing][0] = 0
        self._view[at + _RECORD_FROM : at + _RECORD_FROM + len(record)] = record
        self._view[at : at + _HEAD.size] = _HEAD.pack(MAGIC, crc, self.sequence, self.capacity, len(record))
        self.record = record
        self._unrecorded = 0

    def grow(self, samples: int) -> None:
        """Say that `samples` in all came after the record that stands, and nothing else is new."""
        self._grown[self.standing][0] = samples
        self._unrecorded = 0

    def close(self) -> None:
        """Let go of the buffer."""
        self._view.release()
        self._samples = np.empty(0, dtype=np.int16)
        self._grown = []

    def _place(self, sample: int, pcm: Samples) -> None:
        at = sample % self.capacity
        first = min(len(pcm), self.capacity - at)
        self._samples[at : at + first] = pcm[:first]
        self._samples[: len(pcm) - first] = pcm[first:]

    def _read_slot(self, slot: int) -> tuple[int, bytes] | None:
        at = slot * SLOT_BYTES
        head = bytes(self._view[at : at + _HEAD.size])
        magic, crc, sequence, capacity, length = _HEAD.unpack(head)
        if magic != MAGIC or capacity != self.capacity or length > SLOT_BYTES - _RECORD_FROM:
            return None
        record = bytes(self._view[at + _RECORD_FROM : at + _RECORD_FROM + length])
        if zlib.crc32(record, zlib.crc32(head[_CRC_FROM:])) != crc:
            return None
        return sequence, record


def ring_bytes(readable: int) -> int:
    """Return the size of a buffer whose ring holds `readable` samples that can be read."""
    return HEADER_BYTES + 2 * (readable + MARGIN)
