"""The ring keeps samples and their record, whatever moment its process dies at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.ring import HEADER_BYTES, MARGIN, SLOT_BYTES, Ring, ring_bytes

READABLE = 5000
SIZE = ring_bytes(READABLE)


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


@settings(max_examples=40, deadline=None)
@given(st.integers(1, MARGIN), st.integers(1, MARGIN), st.data())
def test_a_torn_record_leaves_the_one_before_with_its_samples(
    first: int, second: int, data: st.DataObject
) -> None:
    """Those that came after a record count with that one alone, whichever of its bytes are written."""
    before = bytearray(SIZE)
    ring = Ring(before)
    for record in (b"even older", b"old"):
        ring.commit(record)
        ring.grow(first)
    after = bytearray(before)
    ring = Ring(after)
    ring.commit(b"new")
    # The store of the number is one: it is there or not.
    changed = [at for at in range(HEADER_BYTES) if before[at] != after[at]]
    written = data.draw(st.sets(st.sampled_from(changed)))
    torn = bytearray(before)
    for at in written:
        torn[at] = after[at]
    found = Ring(torn)
    assert (found.record, found.grown) == (b"old", first) or found.record == b"new"
    assert (Ring(after).record, Ring(after).grown) == (b"new", 0)
    ring.grow(second)
    assert Ring(after).grown == second


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
    ring.write(MARGIN, ramp(0, MARGIN))
    ring.grow(MARGIN)
    ring.write(2 * MARGIN, ramp(0, 1))


def test_limits_are_refused() -> None:
    """A record longer than its slot, and a buffer without room for samples."""
    with pytest.raises(ValueError, match="does not fit"):
        Ring(bytearray(SIZE)).commit(bytes(SLOT_BYTES))
    with pytest.raises(ValueError, match="too small"):
        Ring(bytearray(HEADER_BYTES + 2 * MARGIN))


def test_what_nobody_needs_is_overwritten() -> None:
    """Across the end of the buffer as well, and nothing else."""
    ring, size = Ring(bytearray(SIZE)), READABLE + MARGIN
    for start in range(0, 2 * size, 10_000):
        ring.write(start, ramp(start, start + 10_000))
        ring.commit(b"record")
    stop = 2 * size // 10_000 * 10_000 + 10_000
    ring.wipe(stop - 4000, stop - 1000)
    assert ring.read(stop - 4000, stop - 1000) == bytes(6000)
    assert ring.read(stop - 4500, stop - 4000) == ramp(stop - 4500, stop - 4000).tobytes()
    assert ring.read(stop - 1000, stop) == ramp(stop - 1000, stop).tobytes()


def test_samples_are_copied_to_a_ring_of_another_capacity() -> None:
    """They lie elsewhere in it, and the order of the records goes on."""
    old = Ring(bytearray(SIZE))
    for start in range(0, 100_000, 20_000):
        old.write(start, ramp(start, start + 20_000))
        old.commit(b"record")
    buffer = bytearray(SIZE + 54_321 * 2)
    new = Ring(buffer)
    new.copy(old, 95_500, 100_000)
    new.commit(b"moved", old.sequence + 1)
    new.commit(b"and on")
    assert (Ring(buffer).record, Ring(buffer).sequence) == (b"and on", 7)
    assert Ring(buffer).read(95_500, 100_000) == ramp(95_500, 100_000).tobytes()


def test_the_bytes_of_samples_and_record_make_a_copy_of_the_ring() -> None:
    """Written to the same offsets of another buffer, the record to any of the two slots."""
    ring = Ring(bytearray(SIZE))
    for start in range(0, 60_000, 20_000):
        ring.write(start, ramp(start, start + 20_000))
        ring.commit(b"record %d" % start)
    ring.grow(123)
    for slot in (0, 1):
        copy = bytearray(SIZE)
        for offset, data in ring.regions(57_000, 60_000):
            copy[offset : offset + len(data)] = data
        record = ring.slot()
        copy[slot * SLOT_BYTES : slot * SLOT_BYTES + len(record)] = record
        assert (Ring(copy).record, Ring(copy).standing, Ring(copy).grown) == (b"record 40000", slot, 123)
        assert Ring(copy).read(57_000, 60_000) == ramp(57_000, 60_000).tobytes()


def test_something_that_cannot_be_read_is_told_from_nothing() -> None:
    """A damaged record, or one of another version: numbers may have been given."""
    assert not Ring(bytearray(SIZE)).foreign
    buffer = bytearray(SIZE)
    Ring(buffer).commit(b"record")
    assert not Ring(buffer).foreign
    buffer[SLOT_BYTES : SLOT_BYTES + 8] = b"heardrg1"
    assert Ring(buffer).foreign
