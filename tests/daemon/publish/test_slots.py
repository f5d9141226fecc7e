"""A file of slots: what was put is there for the next process of the run, and for no other run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.publish.slots import MAX_KEY_BYTES, Slots, Write
from heard.wire.codec import WireError

PAGE_BYTES = 4096


def apply(image: bytes, *writes: Write) -> bytes:
    """Return the file after some writes."""
    data = bytearray(image)
    for write in writes:
        data.extend(bytes(max(0, write.offset + len(write.data) - len(data))))
        data[write.offset : write.offset + len(write.data)] = write.data
    return bytes(data)


def test_another_process_of_the_run_reads_what_was_put() -> None:
    """Keys and payloads come back; later values replace earlier ones in the same slot."""
    slots = Slots(b"", "run", "test", 64)
    assert not slots.continued
    image = apply(b"", slots.header(), slots.put("a", b"1"), slots.put("ü", b""), slots.put("a", b"22"))
    again = Slots(image, "run", "test", 64)
    assert again.continued
    assert again.items() == {"a": b"22", "ü": b""}
    assert len(image) == 3 * 64


@pytest.mark.parametrize("other", [("run2", "test", 64), ("run", "other", 64), ("run", "test", 128)])
def test_another_run_or_kind_starts_empty(other: tuple[str, str, int]) -> None:
    """What a former run left is not of this one, nor is another user's file."""
    slots = Slots(b"", "run", "test", 64)
    image = apply(b"", slots.header(), slots.put("a", b"1"))
    fresh = Slots(image, *other)
    assert (fresh.continued, fresh.items()) == (False, {})


@pytest.mark.parametrize("slot_bytes", [64, 4096])
def test_no_write_crosses_a_page(slot_bytes: int) -> None:
    """A killed process leaves each slot old or new: the kernel copies within a page in one go."""
    slots = Slots(b"", "run", "test", slot_bytes)
    for number in range(200):
        write = slots.put(f"key{number}", b"x" * slots.payload_bytes)
        assert write.offset // PAGE_BYTES == (write.offset + len(write.data) - 1) // PAGE_BYTES


@given(st.dictionaries(st.text(min_size=1, max_size=13), st.binary(max_size=6)), st.integers(0, 300))
def test_a_file_cut_short_loses_whole_slots_only(values: dict[str, bytes], cut: int) -> None:
    """Whatever is missing at the end, the rest is read as it was put."""
    values = {key: value for key, value in values.items() if len(key.encode(errors="replace")) == len(key)}
    slots = Slots(b"", "run", "test", 64)
    image = apply(b"", slots.header(), *(slots.put(key, value) for key, value in values.items()))
    left = Slots(image[: max(64, len(image) - cut)], "run", "test", 64).items()
    assert left.items() <= values.items()
    assert len(left) >= len(values) - -(-cut // 64)


def test_a_key_that_does_not_fit_is_refused() -> None:
    """Nothing is cut short to fit: two keys could become one."""
    slots = Slots(b"", "run", "test", 64)
    slots.put("x" * MAX_KEY_BYTES, b"")
    for key in ("x" * (MAX_KEY_BYTES + 1), ""):
        with pytest.raises(WireError, match="must be of 1 to 54 bytes"):
            slots.put(key, b"")
    with pytest.raises(ValueError, match="7 bytes"):
        slots.put("x", b"1234567")
