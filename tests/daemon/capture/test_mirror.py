"""A copy on a disk is sound at any moment, and says what keeps it from being up to date."""

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture import mirror as module
from heard.capture.blocks import Track
from heard.capture.mirror import RETRY_S, STUCK_S, SYNC_S, Copier, Mirror
from heard.capture.record import Record
from heard.capture.ring import Ring
from heard.capture.ring_file import RingFile
from heard.wire.positions import Settled

from .made import RATE_HZ, buffer_for, hear, sent_by, track_in, values

RETENTION = 8 * RATE_HZ
SIZE = len(buffer_for(RETENTION))


class CutError(OSError):
    """The power failed."""


def spoken(track: Track, seconds: float) -> None:
    hear(track, int(seconds * RATE_HZ))
    sent_by(track)


def made() -> Track:
    return track_in(buffer_for(RETENTION), retention=RETENTION)


def mirror_at(path: Path) -> Mirror:
    return Mirror(path, SIZE, None, slot=0, wiped=0)


def holds_what_its_record_says(path: Path) -> Record:
    """Check that the copy's pending samples are what was captured; return its record."""
    ring = Ring(bytearray(path.read_bytes()))
    assert ring.record is not None, "there is a record at every moment"
    record = Record.unpack(ring.record, ring.grown)
    for start, stop in record.ledger.pending:
        for first, last in record.timeline.places(start, stop):
            assert ring.read(first, last) == values(first, last).tobytes()
    return record


def test_it_holds_what_the_ring_holds(tmp_path: Path) -> None:
    """After each job; private, and at its place only once it is whole."""
    track, mirror, path = made(), mirror_at(tmp_path / "spool" / "ring.mic"), tmp_path / "spool" / "ring.mic"
    for step in range(20):
        spoken(track, 1.3)
        track.take(Settled("mic", 0, track.next - 3 * RATE_HZ, 0))
        assert mirror.offer(track, step * SYNC_S)
        mirror.work()
        assert holds_what_its_record_says(path).pack() == track.record.pack()
    assert (mirror.trouble, path.stat().st_mode & 0o777) == (None, 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["ring.mic"]
    mirror.remove()
    assert not path.exists()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_write_is_the_last_it_is_sound(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The power fails in the middle of a job: the record on the disk counts only what is on the disk."""
    track, path = made(), tmp_path_factory.mktemp("disk") / "ring.mic"
    mirror = mirror_at(path)
    steps = data.draw(st.integers(1, 12))
    for step in range(steps):
        spoken(track, data.draw(st.sampled_from([0.2, 0.9, 1.7])))
        settled = track.next - data.draw(st.integers(1, 5)) * RATE_HZ
        track.take(Settled("mic", 0, settled, 0))
        mirror.offer(track, step * SYNC_S)
        mirror.work()
    spoken(track, 1)
    left = data.draw(st.integers(0, 6))
    torn = data.draw(st.integers(0, 300))

    def put(descriptor: int, part: memoryview, offset: int) -> None:
        nonlocal left
        if not left:
            original(descriptor, part[:torn], offset)
            raise CutError("no power")
        left -= 1
        original(descriptor, part, offset)

    original = module._put
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "_put", put)
        mirror.offer(track, steps * SYNC_S)
        mirror.work()
    assert holds_what_its_record_says(path).ledger.next >= track.next - RATE_HZ


def test_it_goes_on_with_a_copy_that_was_there(tmp_path: Path) -> None:
    """Of the same samples, over which it is written; the slot of the record that stands is spared."""
    track, path = made(), tmp_path / "ring.mic"
    first = mirror_at(path)
    for step in range(3):
        spoken(track, 1)
        first.offer(track, step * SYNC_S)
        first.work()
    first.close()
    file = RingFile(path, time.monotonic())
    found = file.ring()
    assert found is not None
    second = Mirror(path, SIZE, file, slot=found.standing, wiped=0)
    spoken(track, 1)
    second.offer(track, 0)
    second.work()
    assert {Ring(bytearray(path.read_bytes())).standing} == {1 - found.standing}
    assert holds_what_its_record_says(path).ledger.next == track.next


def test_a_failure_is_said_and_tried_again_from_scratch(tmp_path: Path) -> None:
    """Here something lies where the folder should be."""
    track, place = made(), tmp_path / "spool"
    place.write_text("in the way")
    mirror = mirror_at(place / "ring.mic")
    spoken(track, 1)
    mirror.offer(track, 0)
    mirror.work()
    assert mirror.trouble is not None
    assert str(place) in mirror.trouble
    place.unlink()
    assert not mirror.offer(track, SYNC_S / 2)
    spoken(track, 1)
    assert mirror.offer(track, SYNC_S)
    mirror.work()
    assert mirror.trouble is None
    assert holds_what_its_record_says(place / "ring.mic").ledger.next == track.next
    assert RETRY_S > SYNC_S


def test_a_disk_that_is_stuck_holds_nothing_up_and_is_said(tmp_path: Path) -> None:
    """The job is out; no other is prepared meanwhile."""
    track, mirror = made(), mirror_at(tmp_path / "ring.mic")
    spoken(track, 1)
    assert mirror.offer(track, 0)
    assert not mirror.offer(track, STUCK_S)
    assert (mirror.busy, mirror.trouble, mirror.wait(0)) == (True, None, False)
    assert not mirror.offer(track, STUCK_S + 1)
    assert mirror.trouble is not None
    assert "nothing could be written for 10 s" in mirror.trouble
    mirror.work()
    assert not mirror.busy
    assert str(mirror.trouble) == "None"


def test_the_thread_does_the_jobs(tmp_path: Path) -> None:
    """Of all sources."""
    copier, tracks = Copier(), [made(), made()]
    for number, track in enumerate(tracks):
        copier.mirrors.append(mirror_at(tmp_path / f"ring.{number}"))
        spoken(track, 1)
    for _ in range(3):
        for track, mirror in zip(tracks, copier.mirrors, strict=True):
            assert mirror.offer(track, 0, at_once=True)
        copier.wake()
        assert all(mirror.wait(10) for mirror in copier.mirrors)
    for number, track in enumerate(tracks):
        assert holds_what_its_record_says(tmp_path / f"ring.{number}").pack() == track.record.pack()


def test_a_copy_that_cannot_be_removed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It would lie there for ever, and nobody would know."""
    (tmp_path / "ring.mic").mkdir()
    mirror_at(tmp_path / "ring.mic").remove()
    assert "ring.mic: cannot be removed: Is a directory" in caplog.text
