"""The ring keeps samples and their record, whatever moment its process dies at."""

import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.ring import HEADER_BYTES, MARGIN, SLOT_BYTES, Ring, open_ring

READABLE = 5000
SIZE = HEADER_BYTES + 2 * (READABLE + MARGIN)


def ramp(start: int, stop: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return samples that tell their own number."""
    return np.arange(start, stop, dtype=np.int64).astype(np.int16)


def test_what_was_written_is_read_back_across_the_end_of_the_buffer() -> None:
    """The newest `readable` samples are there, wherever they lie in the buffer."""
    ring, sample = Ring(bytearray(SIZE)), 0
    for size in (1, 700, 30000, 0, 1999, 30000, 12345):
        ring.write(sample, ramp(sample, sample + size))
        ring.commit(b"record")
        sample += size
        start = max(0, sample - READABLE)
        assert ring.read(start, sample) == ramp(start, sample).tobytes()


def test_a_record_is_found_by_the_next_process() -> None:
    """The newest record stands, and an older one is overwritten in turn."""
    buffer = bytearray(SIZE)
    for record in (b"one", b"two", b"three"):
        Ring(buffer).commit(record)
        assert Ring(buffer).record == record


def test_a_buffer_of_something_else_reads_as_empty() -> None:
    """Garbage, zeros and a ring of another capacity hold no record."""
    rng = np.random.default_rng(1)
    assert Ring(bytearray(rng.bytes(SIZE))).record is None
    assert Ring(bytearray(SIZE)).record is None
    buffer = bytearray(SIZE)
    Ring(buffer).commit(b"of this capacity")
    assert Ring(buffer + bytearray(2)).record is None


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.binary(min_size=1, max_size=400), st.data())
def test_a_torn_record_leaves_the_one_before(first: bytes, second: bytes, data: st.DataObject) -> None:
    """Of the bytes that a commit changes, any subset may have been written when the process dies.

    Then the record is the old one or the new one, never a mixture and never none.
    """
    before = bytearray(SIZE)
    Ring(before).commit(b"even older")
    Ring(before).commit(first)
    after = bytearray(before)
    Ring(after).commit(second)
    changed = [at for at in range(HEADER_BYTES) if before[at] != after[at]]
    written = data.draw(st.lists(st.booleans(), min_size=len(changed), max_size=len(changed)))
    torn = bytearray(before)
    for at, done in zip(changed, written, strict=True):
        if done:
            torn[at] = after[at]
    assert Ring(torn).record in (first, second)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, MARGIN // 2), min_size=1, max_size=8), st.integers(0, MARGIN))
def test_samples_that_are_being_overwritten_were_given_up_before(sizes: list[int], torn: int) -> None:
    """Dying in the middle of a write spoils no sample that the standing record says is readable."""
    buffer = bytearray(SIZE)
    ring, sample = Ring(buffer), 0
    for size in sizes:
        ring.write(sample, ramp(sample, sample + size))
        ring.commit(b"record")
        sample += size
    ring.write(sample, np.full(torn, -1, dtype=np.int16))
    start = max(0, sample - READABLE)
    assert Ring(buffer).read(start, sample) == ramp(start, sample).tobytes()


def test_more_than_the_margin_needs_a_record_in_between() -> None:
    """The rule that protects the readable samples is enforced."""
    ring = Ring(bytearray(SIZE))
    ring.write(0, ramp(0, MARGIN))
    assert ring.room == 0
    with pytest.raises(ValueError, match="before the next record"):
        ring.write(MARGIN, ramp(0, 1))
    ring.commit(b"record")
    ring.write(MARGIN, ramp(0, 1))


def test_limits_are_refused() -> None:
    """A record longer than its slot, and a buffer without room for samples."""
    with pytest.raises(ValueError, match="does not fit"):
        Ring(bytearray(SIZE)).commit(bytes(SLOT_BYTES))
    with pytest.raises(ValueError, match="too small"):
        Ring(bytearray(HEADER_BYTES + 2 * MARGIN))


def test_a_file_is_private_and_outlives_its_ring(tmp_path: Path) -> None:
    """Mode 0600; opened again it holds what it held; of another size it starts anew."""
    path = tmp_path / "ring.mic"
    ring = open_ring(path, READABLE)
    ring.write(0, ramp(0, 100))
    ring.commit(b"record")
    ring.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = open_ring(path, READABLE)
    assert (again.record, again.read(0, 100)) == (b"record", ramp(0, 100).tobytes())
    again.close()
    assert open_ring(path, READABLE + 1).record is None


def test_a_ring_that_cannot_be_made_is_an_error_at_once(tmp_path: Path) -> None:
    """No folder, and a symbolic link where the ring should be."""
    with pytest.raises(FileNotFoundError):
        open_ring(tmp_path / "nowhere" / "ring.mic", READABLE)
    (tmp_path / "ring.mic").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        open_ring(tmp_path / "ring.mic", READABLE)
