"""Tracks over plain buffers, whose samples tell their own number."""

import numpy as np

from heard.capture.blocks import Track, ring_samples
from heard.capture.record import Record
from heard.capture.ring import Ring, Samples, ring_bytes
from heard.wire.audio import Block

RATE_HZ = 16_000
BLOCK = 320


def buffer_for(retention: int) -> bytearray:
    """Return an empty ring's buffer for so many retained samples."""
    return bytearray(ring_bytes(ring_samples(retention)))


def track_in(buffer: bytearray, *, retention: int, block: int = BLOCK) -> Track:
    """Return the track of what the buffer holds, in the run `run`."""
    return Track("mic", Ring(buffer), record_in(buffer), retention=retention, block=block)


def record_in(buffer: bytearray) -> Record:
    """Return the record that the next process would find; an empty one where there is none."""
    ring = Ring(buffer)
    return Record("run") if ring.record is None else Record.unpack(ring.record, ring.grown)


def values(start: int, stop: int) -> Samples:
    """Return samples that tell their own number."""
    return (np.arange(start, stop) % 30011).astype(np.int16)


def hear(track: Track, samples: int, time: float | None = None) -> None:
    """Capture samples, in a new segment where none is open."""
    if not track.open:
        track.begin(track.next_time or 1000.0 if time is None else time)
    at = track.next_time if time is None else time
    track.append(values(track.next, track.next + samples), at)


def sent_by(track: Track) -> list[Block]:
    """Send all that can be sent, and return it."""
    track.commit()
    blocks = []
    while (block := track.next_block()) is not None:
        track.sent(block)
        blocks.append(block)
    return blocks
