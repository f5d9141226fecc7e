"""Core: a small file of fixed-size slots that outlives its process, one slot a key.

A slot is written by one `pwrite` that stays within a page, so a process that is killed leaves it
either old or new, never half. The file counts for one run of the daemon: another run starts empty,
unless it is made for no run in particular. It is never synced to a disk.

A memory map would do the same with one system call less, but on a full tmpfs it ends the process
(SIGBUS) where a write returns an error.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from heard.wire.codec import WireError

MAGIC = b"heardslt"
DIGEST_BYTES = 16
MAX_KEY_BYTES = 54


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes to be written at `offset` of the file, in one call."""

    offset: int
    data: bytes


class Slots:
    """The image of such a file. The first slot is the header; a key keeps its slot for the run.

    `run` "" is for a file that counts for all runs.
    `slot_bytes`, a divisor of the page size, holds the key (at most MAX_KEY_BYTES), two lengths and the
    payload. `kind` tells the files of different users apart.
    """

    def __init__(self, image: bytes, run: str, kind: str, slot_bytes: int) -> None:
        self.slot_bytes = slot_bytes
        self.payload_bytes = slot_bytes - MAX_KEY_BYTES - 4
        self._slots: dict[str, int] = {}
        self._payloads: dict[str, bytes] = {}
        self._header = (MAGIC + digest(f"{kind} {slot_bytes} {run}")).ljust(slot_bytes, b"\0")
        self.continued = image[:slot_bytes] == self._header
        """Whether the image is of this run: the process was started again."""
        if self.continued:
            self._read(image)

    def _read(self, image: bytes) -> None:
        for slot in range(1, len(image) // self.slot_bytes):
            data = image[slot * self.slot_bytes : (slot + 1) * self.slot_bytes]
            key_bytes = data[0]
            if not key_bytes:
                break
            stop = MAX_KEY_BYTES + 4 + int.from_bytes(data[2:4], "little")
            key = data[4 : 4 + key_bytes].decode()
            self._slots[key] = slot
            self._payloads[key] = data[MAX_KEY_BYTES + 4 : stop]

    def header(self) -> Write:
        """Return what a file of this run begins with; all behind it must be empty."""
        return Write(0, self._header)

    def items(self) -> dict[str, bytes]:
        """Return the payloads by key."""
        return dict(self._payloads)

    def put(self, key: str, payload: bytes) -> Write:
        """Set the payload of `key`; the write makes it last.

        Raises:
            WireError: the key is too long or empty.
            ValueError: the payload is too long: our own mistake.
        """
        name = key.encode()
        if not 0 < len(name) <= MAX_KEY_BYTES:
            raise WireError(f"name {key!r} must be of 1 to {MAX_KEY_BYTES} bytes")
        if len(payload) > self.payload_bytes:
            raise ValueError(f"payload of {len(payload)} bytes: a slot takes {self.payload_bytes}")
        slot = self._slots.setdefault(key, len(self._slots) + 1)
        self._payloads[key] = payload
        head = bytes([len(name), 0]) + len(payload).to_bytes(2, "little") + name.ljust(MAX_KEY_BYTES, b"\0")
        return Write(slot * self.slot_bytes, (head + payload).ljust(self.slot_bytes, b"\0"))


def digest(text: str) -> bytes:
    """Return DIGEST_BYTES that stand for `text`."""
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest()
