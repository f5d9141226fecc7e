"""A store finds what an earlier process left, wherever it lies, and gives up nothing without saying so."""

import logging
import shutil
import time
from pathlib import Path

import pytest

from heard.capture.blocks import Track, ring_samples
from heard.capture.mirror import Copier
from heard.capture.ring import SLOT_BYTES
from heard.capture.store import Places, Store
from heard.wire.audio import End
from heard.wire.positions import Settled

from .made import BLOCK, RATE_HZ, hear, sent_by, values

RETENTION = 5 * RATE_HZ


class Machine:
    """Directories of a machine, and processes that come and go."""

    def __init__(self, path: Path) -> None:
        self.memory, self.disk = path / "run", path / "state" / "spool"
        self.memory.mkdir()
        self.store: Store | None = None
        self.copier = Copier()

    def start(
        self, run: str = "run", *, copies: bool = False, retention: int = RETENTION
    ) -> tuple[Store, Track]:
        """Start a process; the one before, if there is one, was killed."""
        self.kill()
        places = Places(self.memory, self.disk, copies)
        self.store = Store(places, "mic", run, retention=retention, readable=ring_samples(retention))
        self.copier = Copier()
        if self.store.mirror is not None:
            self.copier.mirrors.append(self.store.mirror)
        track = Track("mic", self.store.ring, self.store.record, retention=retention, block=BLOCK)
        return self.store, track

    def kill(self) -> None:
        """End the process that runs: its files are closed, nothing else is done."""
        if self.store is not None:
            for file in (self.store.file, self.store.mirror and self.store.mirror.file):
                if file is not None:
                    file.close()
            self.store = None

    def copy(self, track: Track) -> None:
        """Bring the copy up to date."""
        assert self.store is not None
        mirror = self.store.mirror
        assert mirror is not None
        assert mirror.offer(track, time.monotonic(), at_once=True)
        mirror.work()
        assert mirror.trouble is None

    def reboot(self) -> None:
        """Forget what is in memory."""
        self.kill()
        shutil.rmtree(self.memory)
        self.memory.mkdir()

    def errors(self, caplog: pytest.LogCaptureFixture) -> list[str]:
        """Return what was logged that a person must know."""
        return [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def pending_is_right(track: Track) -> None:
    """Check that what is pending reads as it was captured."""
    got = {block.sample: block for block in sent_by(track)}
    for block in got.values():
        if block.sample < 10**12:
            assert block.pcm == values(block.sample, block.stop).tobytes()


def test_a_process_goes_on_where_the_one_before_was_killed(machine: Machine) -> None:
    """In the same run, with all that it knew."""
    _, track = machine.start()
    hear(track, RATE_HZ)
    track.commit()
    _, again = machine.start()
    assert (again.next, again.open) == (RATE_HZ, True)
    pending_is_right(again)


def test_of_memory_and_copy_the_newer_is_gone_on_with(machine: Machine) -> None:
    """Memory, as long as the machine is up; the copy knows less."""
    _, track = machine.start(copies=True)
    hear(track, RATE_HZ)
    machine.copy(track)
    hear(track, RATE_HZ)
    track.commit()
    _, again = machine.start("next", copies=True)
    assert (again.next, again.record.ledger.captured) == (2 * RATE_HZ, 2 * RATE_HZ)
    machine.copy(again)
    machine.reboot()
    _, third = machine.start("third", copies=True)
    assert third.record.ledger.pending == [(0, 2 * RATE_HZ)]
    assert third.next > 10**12
    pending_is_right(third)


def test_a_process_without_room_leaves_a_sign(machine: Machine) -> None:
    """Its successor gives other numbers, and goes on with the copy if there is one."""
    for copies in (False, True):
        store, track = machine.start(f"run-{copies}", copies=copies)
        assert store.file is not None
        hear(track, RATE_HZ)
        if copies:
            machine.copy(track)
        store.file.empty()
        _, again = machine.start(f"run-{copies}", copies=copies)
        assert again.next > 10**12
        assert again.record.ledger.captured == (RATE_HZ if copies else 0)
        if copies:
            assert again.record.interrupted
            assert again.record.timeline.segments[-1].end is End.RESTART


def test_a_retention_that_was_lowered_gives_up_the_oldest_and_says_so(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """In another run, where it may change."""
    _, track = machine.start()
    hear(track, 4 * RATE_HZ)
    track.commit()
    _, again = machine.start("next", retention=2 * RATE_HZ)
    assert again.record.ledger.pending == [(2 * RATE_HZ, 4 * RATE_HZ)]
    assert machine.errors(caplog) == [
        "mic: 2.0 s that an earlier run retained are more than capture.retention_s: given up"
    ]
    pending_is_right(again)


def test_what_cannot_be_read_is_given_up_and_said(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """Both slots are damaged: numbers may have been given that nobody knows."""
    _, track = machine.start()
    hear(track, RATE_HZ)
    track.commit()
    machine.kill()
    with (machine.memory / "ring.mic").open("r+b") as file:
        for slot in (0, 1):
            file.seek(slot * SLOT_BYTES + 40)
            file.write(b"damaged")
    _, again = machine.start()
    assert again.next > 10**12
    (error,) = machine.errors(caplog)
    assert "ring.mic: up to" in error
    assert error.endswith("are given up: of another version of heard, or damaged")


def test_two_rings_of_different_runs_are_not_mixed(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    """The newer is delivered; that the other is not is said."""
    _, track = machine.start("first", copies=True)
    hear(track, RATE_HZ, time=1000.0)
    machine.copy(track)
    machine.kill()
    (machine.memory / "ring.mic").unlink()
    kept = (machine.disk / "ring.mic").read_bytes()
    (machine.disk / "ring.mic").unlink()
    _, track = machine.start("second")
    hear(track, 2 * RATE_HZ, time=9000.0)
    track.commit()
    machine.kill()
    (machine.disk / "ring.mic").write_bytes(kept)
    _, again = machine.start("third", copies=True)
    assert (again.record.ledger.captured, again.record.numbered_by) == (2 * RATE_HZ, "second")
    (error,) = machine.errors(caplog)
    assert error.endswith("spool/ring.mic: 1.0 s beside newer audio are given up")
    machine.copy(again)
    machine.reboot()
    _, fourth = machine.start("fourth", copies=True)
    assert fourth.record.ledger.captured == 2 * RATE_HZ


def test_at_an_orderly_end_only_what_is_pending_stays(machine: Machine) -> None:
    """On the disk, and whole: the numbers go on."""
    store, track = machine.start(copies=True)
    hear(track, RATE_HZ)
    store.finish(track, machine.copier)
    assert [each.name for each in machine.memory.iterdir()] == []
    machine.store = None
    store, again = machine.start("next", copies=True)
    assert (again.next, again.record.ledger.pending) == (RATE_HZ, [(0, RATE_HZ)])
    pending_is_right(again)
    again.take(Settled("mic", 0, RATE_HZ, 0))
    store.finish(again, machine.copier)
    assert [*machine.memory.iterdir(), *machine.disk.iterdir()] == []


def test_a_killed_start_is_no_loss(machine: Machine) -> None:
    """Killed before it gave a number to any sample, at whatever step: the next begins at 0."""
    store, _ = machine.start()
    assert store.file is not None
    store.file.reserve(store.file.size)
    _, again = machine.start()
    assert again.next == 0
