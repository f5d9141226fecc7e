"""The capture process, alone with real sockets: it waits for nobody, loses nothing, and adds up."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heard.capture.record import Record
from heard.capture.ring import Ring
from heard.settings import Capture, Source
from heard.wire.audio import Block, End
from heard.wire.control import Code
from heard.wire.positions import From, Received, Refused, Settled
from heard.wire.report import StageState
from heard.wire.topics import Topic

from .around import END_S, RATE_HZ, Around, around, noise, write_wav


def file_source(path: Path, name: str = "mic", **given: object) -> Source:
    return Source(name=name, input="file", path=str(path), **given)  # type: ignore[arg-type]  # fields by name


def whole(around: Around, source: str = "mic") -> bool:
    """Whether the source's end has come."""
    around.pump()
    return around.ended(source)


def begun(around: Around) -> bool:
    """Whether the very first sample has come."""
    return any(block.sample == 0 for block in around.blocks)


def adds_up(around: Around, source: str = "mic") -> bool:
    ledger = around.ledger(source)
    return ledger["captured"] == ledger["delivered"] + ledger["pending"] + sum(ledger["dropped"].values())


def late(block: Block) -> float:
    """Return the seconds between the capture of a block's last sample and its way into the pipe."""
    return block.handed - block.time - block.samples / RATE_HZ


def test_a_file_at_full_speed(tmp_path: Path) -> None:
    """Every sample, in order, then the end; settled, the process has nothing left and stops at once."""
    pcm = noise(5.0)
    began = time.time()
    with (
        around(file_source(write_wav(tmp_path / "a.wav", pcm), pace="fast")) as made,
        made.process() as child,
    ):
        made.until(lambda: whole(made), "the end of the file")
        assert (made.audio() == pcm).all()
        first, last = made.blocks[0], made.blocks[-1]
        assert last.end is End.ENDED
        assert [block.follows for block in made.blocks[1:]] == [block.stop for block in made.blocks[:-1]]
        assert began - 0.1 < first.time < time.time() + 0.1
        assert last.time == pytest.approx(first.time + last.sample / RATE_HZ, abs=1e-4)
        made.until(lambda: made.state() == "ended", "the report")
        made.settle()
        made.until(lambda: made.ledger()["delivered"] == len(pcm), "settlement")
        assert adds_up(made)
        made.until_said("live", "ended")
        assert stat.S_IMODE((made.folder / "ring.mic").stat().st_mode) == 0o600
        made.order("stop")
        assert child.wait(END_S) == 0


def test_a_fast_file_waits_for_upstream(tmp_path: Path) -> None:
    """It is read ten seconds ahead of what was sent and no further, so nothing expires."""
    pcm = noise(25.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=Capture(retention_s=24)) as made, made.process():
        made.until(lambda: len(made.blocks) == 500, "ten seconds")
        made.until(lambda: made.ledger()["captured"] == 10 * RATE_HZ, "the report")
        made.tell(Received("mic", 10 * RATE_HZ, 8 * RATE_HZ))
        made.until(lambda: made.ledger()["captured"] == 18 * RATE_HZ, "eight more")
        made.tell(Received("mic", 18 * RATE_HZ, 18 * RATE_HZ))
        made.until(lambda: whole(made), "the end")
        assert (made.audio() == pcm).all()
        assert not made.ledger()["dropped"]


def test_real_time_and_a_stop_in_the_middle(tmp_path: Path) -> None:
    """Blocks come at the pace of sound; stopped itself for a second, capture catches up."""
    path = write_wav(tmp_path / "a.wav", noise(30.0))
    with around(file_source(path)) as made, made.process() as child:
        made.until(lambda: len(made.blocks) > 25, "half a second")
        child.signal(signal.SIGSTOP)
        time.sleep(1)
        child.signal(signal.SIGCONT)
        # Had it not caught up, every block from here on would be a second late.
        made.until(lambda: late(made.blocks[-1]) < 0.5 and made.blocks[-1].sample > 2 * RATE_HZ, "good time")
        # None comes before its time either.
        assert min(map(late, made.blocks)) > -0.01
        assert (made.audio() == noise(30.0)[: len(made.audio())]).all()
        assert made.status()["xruns"] == 0


def test_a_slow_reader_costs_no_sample(tmp_path: Path) -> None:
    """Nobody reads until the end: then all of it is there, in order."""
    pcm = noise(2.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm))) as made:
        made.reading = False
        with made.process():
            made.until(lambda: made.state() == "ended", "the end of the file")
            assert made.blocks == []
            made.reading = True
            made.until(lambda: whole(made), "the end")
            assert (made.audio() == pcm).all()
            assert made.ledger()["pending"] == len(pcm)


def test_replays(tmp_path: Path) -> None:
    """From what was received with lead-in, and from what is settled; the samples are the same ones."""
    pcm = noise(8.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm), pace="fast")) as made, made.process():
        made.until(lambda: whole(made), "the end of the file")
        made.tell(Received("mic", 7 * RATE_HZ, 7 * RATE_HZ))
        made.replay(From.RECEIVED)
        made.until(lambda: made.blocks[-1].pass_no == 1 and made.blocks[-1].end, "the second pass")
        second = [block for block in made.blocks if block.pass_no == 1]
        assert (second[0].sample, second[0].wanted) == (RATE_HZ, 7 * RATE_HZ)
        made.replay(From.SETTLED, "mic")
        made.until(lambda: made.blocks[-1].pass_no == 2 and made.blocks[-1].end, "the third pass")
        third = [block for block in made.blocks if block.pass_no == 2]
        assert (third[0].sample, third[0].wanted) == (0, 0)
        assert (made.audio() == pcm).all()


def test_retention_runs_out_and_says_so(tmp_path: Path) -> None:
    """The oldest goes as `expired`; a message and the ledger say how much; the next block's hole is meant."""
    pcm = noise(12.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=Capture(retention_s=2)) as made, made.process():
        for second in range(1, 12):
            made.until_sample(second * RATE_HZ)
            made.tell(Received("mic", second * RATE_HZ, second * RATE_HZ))
        made.until(lambda: whole(made), "the end of the file")
        made.until(lambda: made.ledger()["captured"] == len(pcm), "the report")
        dropped = made.ledger()["dropped"]["expired"]
        assert len(pcm) - 3 * RATE_HZ <= dropped <= len(pcm) - 2 * RATE_HZ
        assert adds_up(made)
        made.until(lambda: made.lost() == dropped, "the gaps")
        assert {gap["reason"] for gap in made.told(Topic.GAP)} == {"expired"}


def test_killed_at_any_moment_a_file_goes_on_at_its_next_sample(tmp_path: Path) -> None:
    """SIGKILL, again and again: the same numbers bring the same samples, none is missing, no gap."""
    pcm = noise(3.5)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm))) as made:
        for target in (20, 50, 90):
            with made.process() as child:
                made.until_sample(target * 320)
                child.signal(signal.SIGKILL)
                child.wait(END_S)
        with made.process():
            made.until(lambda: whole(made), "the end of the file")
            assert (made.audio() == pcm).all()
            made.until(lambda: made.state() == "ended", "the report")
            assert not made.ledger()["gaps"]
            times = {block.sample: block.time for block in made.blocks if block.samples}
            start = made.blocks[0].time
            assert all(abs(at - start - sample / RATE_HZ) < 1e-3 for sample, at in times.items())
            assert len({block.segment for block in made.blocks}) == 1
            made.settle()
            made.until(lambda: made.ledger()["delivered"] == len(pcm), "settlement")


def test_another_run_delivers_what_was_retained(tmp_path: Path) -> None:
    """First, under its own numbers and times, counted once; then the new run's own audio."""
    pcm = noise(4.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm), pace="fast")) as made:
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            made.tell(Received("mic", RATE_HZ, RATE_HZ))
            made.tell(Settled("mic", 0, RATE_HZ, 900))
            made.until(lambda: made.ledger()["delivered"] == RATE_HZ, "settlement")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        times = {block.sample: block.time for block in made.blocks}
        made.blocks.clear()
        made.write_run("run-2")
        with made.process() as child:
            made.until(lambda: made.blocks and made.blocks[-1].stop == 2 * len(pcm), "both")
            old = [block for block in made.blocks if block.stop <= len(pcm)]
            assert (old[0].wanted, old[0].follows, old[0].anchor) == (RATE_HZ, 0, 900)
            assert all(times[block.sample] == block.time for block in old if block.samples)
            assert {block.numbered_by for block in made.blocks} == {"run-1"}
            new = b"".join(block.pcm for block in made.blocks if block.sample >= len(pcm))
            assert new == pcm.tobytes(), "the file is heard from its beginning"
            made.until(lambda: made.state() == "ended", "the report")
            assert made.ledger()["captured"] == made.ledger()["pending"] == 7 * RATE_HZ
            assert "3.0 s that an earlier run retained" in child.complained()
            made.settle()
            made.until(lambda: made.ledger()["delivered"] == 7 * RATE_HZ, "settlement")
            made.order("stop")
            assert child.wait(END_S) == 0
        assert not (made.folder / "ring.mic").exists(), "nothing is left to be delivered"


def test_a_run_behind_one_that_delivered_all_starts_anew(tmp_path: Path) -> None:
    """Its numbers begin at 0, also where the other run was killed."""
    path = write_wav(tmp_path / "a.wav", noise(1.0))
    with around(file_source(path, pace="fast")) as made:
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            made.settle()
            made.until(lambda: made.ledger()["delivered"] == RATE_HZ, "settlement")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        made.blocks.clear()
        made.write_run("run-2")
        with made.process():
            made.until(lambda: whole(made), "the end of the file")
            first = made.blocks[0]
            assert (first.sample, first.pass_no, first.numbered_by) == (0, 0, "run-2")


def test_what_is_retained_of_a_source_that_is_gone_is_said(tmp_path: Path) -> None:
    """It stays where it is until the source is configured again."""
    path = write_wav(tmp_path / "a.wav", noise(2.0))
    with around(file_source(path, "hall", pace="fast")) as made:
        with made.process() as child:
            made.until(lambda: whole(made, "hall"), "the end of the file")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        made.settings = replace(made.settings, source=(file_source(path, pace="fast"),))
        made.write_run("run-2")
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            (line,) = [each for each in child.complained().splitlines() if "hall" in each]
            assert "2.0 s of source hall, which is not configured" in line
            made.settle()
            made.order("stop")
            assert child.wait(END_S) == 0
        assert (made.folder / "ring.hall").exists()


def test_a_change_of_the_retention_loses_nothing(tmp_path: Path) -> None:
    """What was retained moves to a ring of another size."""
    pcm = noise(4.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=Capture(retention_s=30)) as made:
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        for number, retention_s in enumerate((60, 13, 30), 2):
            made.settings = replace(
                made.settings, capture=Capture(retention_s=retention_s), source=(file_source(path),)
            )
            made.write_run(f"run-{number}")
            made.pump()
            made.blocks.clear()
            with made.process() as child:
                # What the process before had sent may come after all: wait for this one's first block, too.
                made.until(
                    lambda: made.blocks[-1:] and made.blocks[-1].stop > len(pcm) and begun(made),
                    "what was retained",
                )
                assert (made.audio()[: len(pcm)] == pcm).all()
                child.signal(signal.SIGKILL)
                child.wait(END_S)
        assert not list(made.folder.glob("ring.*.new"))


def test_mute_and_unmute(tmp_path: Path) -> None:
    """The segment ends, time goes to the muted account, and a new segment has the time of day."""
    pcm = noise(30.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm))) as made, made.process():
        made.until(lambda: len(made.blocks) > 10, "blocks")
        assert made.order("mute", "mic").result == {"sources": {"mic": "muted"}}
        made.until(lambda: made.blocks[-1].end is End.MUTED, "the segment's end")
        muted_at = made.blocks[-1].stop
        made.until(lambda: made.ledger()["muted"] > RATE_HZ // 2, "muted time")
        assert made.blocks[-1].stop == muted_at
        assert made.order("mute").result == {"sources": {"mic": "muted"}}
        assert made.order("unmute").result == {"sources": {"mic": "live"}}
        made.until(lambda: made.blocks[-1].sample > muted_at + RATE_HZ // 4, "audio again")
        again = next(block for block in made.blocks if block.segment == 1)
        assert (again.sample, again.segment_start) == (muted_at, muted_at)
        # Once it counts new samples, it has counted all of the muted time: up to the first look at the input.
        made.until(lambda: made.ledger()["captured"] > muted_at, "the report")
        assert made.state() == "live"
        before = made.blocks[0].time + muted_at / RATE_HZ
        ended = next(block for block in made.blocks if block.end)
        muted_s = made.ledger()["muted"] / RATE_HZ
        assert again.time - ended.handed - 0.05 < muted_s < again.handed - before + 0.05
        made.until_said("live", "muted", "unmuted", "live")
        assert made.told(Topic.GAP) == []
        # What was played meanwhile was skipped, as a live source's sound would have been.
        heard = np.frombuffer(again.pcm, dtype="<i2")
        place = round((again.time - made.blocks[0].time) * RATE_HZ)
        near = pcm[place - 800 : place + 800 + len(heard)]
        assert any((near[at : at + len(heard)] == heard).all() for at in range(1600))


def test_muted_from_the_start_and_killed_while_muted(tmp_path: Path) -> None:
    """A muted source stays muted through restarts, and nothing of it is heard."""
    # Longer than three starts take anywhere: its time goes on meanwhile.
    path = write_wav(tmp_path / "a.wav", noise(110.0))
    with around(file_source(path)) as made:
        made.write_run(muted=frozenset({"mic"}))
        for _ in range(2):
            with made.process() as child:
                made.until(lambda: made.state() == "muted" and made.ledger()["muted"] > 1000, "muted time")
                child.signal(signal.SIGKILL)
                child.wait(END_S)
        with made.process():
            made.until(lambda: made.ledger() and made.ledger()["muted"] > RATE_HZ, "more muted time")
            assert (made.blocks, made.ledger()["captured"]) == ([], 0)
            made.order("unmute", "mic")
            made.until(lambda: bool(made.blocks), "audio")
            assert made.blocks[0].sample == 0


def test_stdin_through_a_pipe_and_a_kill() -> None:
    """Raw samples on the daemon's own standard input; half a sample at the end is left out."""
    pcm = noise(2.0)
    read_end, write_end = os.pipe()
    try:
        with around(Source(name="mic", input="stdin", pace="fast")) as made:
            argv = [sys.executable, "-m", "heard.capture", "--runtime-dir", str(made.folder)]
            os.write(write_end, pcm[:16000].tobytes() + b"\x01")
            first = subprocess.Popen(argv, stdin=read_end)
            try:
                made.until(lambda: made.blocks and made.blocks[-1].stop == 16000, "the first second")
            finally:
                first.kill()
                first.wait(END_S)
            os.write(write_end, pcm[16000:].tobytes()[1:])
            second = subprocess.Popen(argv, stdin=read_end)
            try:
                os.write(write_end, b"\x01")
                os.close(write_end)
                write_end = -1
                made.until(lambda: whole(made), "the end")
            finally:
                second.kill()
                second.wait(END_S)
            got = made.audio()
            assert (got[:16000] == pcm[:16000]).all()
            assert len(got) == len(pcm)
            assert (got[16001:] == pcm[16001:]).all()
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)


def test_stop_drains_and_drops_the_rest_as_shutdown(tmp_path: Path) -> None:
    """The inputs close at once; what is settled within the time is delivered, the rest is dropped."""
    path = write_wav(tmp_path / "a.wav", noise(30.0))
    with around(file_source(path)) as made, made.process() as child:
        made.until(lambda: len(made.blocks) > 20, "blocks")
        made.order("stop")
        # At once: it waits for some seconds only.
        made.tell(Refused("mic", 0, 100, "refused"))
        made.until(lambda: whole(made), "the segment's end")
        assert made.blocks[-1].end is End.SHUTDOWN
        stop = made.blocks[-1].stop
        assert child.wait(END_S) == 0
        made.until(lambda: made.ledger()["pending"] == 0, "the last report")
        assert made.report is not None
        assert made.report.state is StageState.STOPPING
        assert made.status()["ledger"] == {
            "captured": stop,
            "delivered": 0,
            "pending": 0,
            "dropped": {"refused": 100, "shutdown": stop - 100},
            "muted": 0,
            "gaps": {},
        }


def test_two_sources_in_one_process(tmp_path: Path) -> None:
    """Each has its own numbers; a replay of one leaves the other alone."""
    left, right = noise(1.0, 1), noise(2.0, 2)
    sources = (
        file_source(write_wav(tmp_path / "l.wav", left), "left", pace="fast"),
        file_source(write_wav(tmp_path / "r.wav", right), "right", pace="fast"),
    )
    with around(*sources) as made, made.process():
        made.until(lambda: whole(made, "left") and made.ended("right"), "both ends")
        made.replay(From.SETTLED, "left")
        made.until(lambda: made.blocks[-1].pass_no == 1 and made.blocks[-1].end, "the replay")
        assert {block.source for block in made.blocks if block.pass_no} == {"left"}
        assert (made.audio("left") == left).all()
        assert (made.audio("right") == right).all()
        assert made.order("mute", "left").result == {"sources": {"left": "ended"}}
        assert made.order("mute", "nobody").code is Code.UNKNOWN_SOURCE
        assert made.order("dance").code is Code.UNKNOWN_OP


def test_garbage_on_the_positions_is_counted(tmp_path: Path) -> None:
    """And the process goes on."""
    path = write_wav(tmp_path / "a.wav", noise(1.0))
    with around(file_source(path, pace="fast")) as made, made.process():
        made.until(lambda: whole(made), "the end of the file")
        for data in (b"", b"\xff" * 100, os.urandom(50), b"\x81\xa4kind\xa4what"):
            made.tell_bytes(data)
        made.tell(Received("nobody", 1, 1))
        made.until(lambda: made.report and made.report.counters["positions_unreadable"] == 5, "the count")
        made.settle()
        made.until(lambda: made.ledger()["pending"] == 0, "settlement")


@pytest.mark.parametrize("content", [None, b"", b"no audio at all" * 99])
def test_a_file_that_cannot_be_heard_ends_the_start_with_2(tmp_path: Path, content: bytes | None) -> None:
    """One line, no traceback: a configuration error."""
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with around(file_source(path)) as made, made.process() as child:
        assert child.wait(END_S) == 2
        (line,) = child.complained().splitlines()
        assert str(path) in line


def test_without_room_it_goes_on_and_heals(tmp_path: Path) -> None:
    """The ring lives in the process, which is said; once there is room it moves, samples and all."""
    pcm = noise(30.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm))) as made:
        with made.process(prefix=("prlimit", "--fsize=4096:unlimited")) as child:
            made.until(lambda: bool(made.faults()), "the fault")
            assert "ring.mic: File too large: what is retained is lost with the process" in made.faults()[0]
            made.until(lambda: len(made.blocks) > 25, "audio")
            assert (made.folder / "ring.mic").stat().st_size == 0
            _, hard = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (hard, hard))
            made.until(lambda: made.faults() == [], "the fault to be over")
            until_sample = made.blocks[-1].stop + RATE_HZ // 2
            made.until_sample(until_sample)
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        with made.process():
            made.until_sample(until_sample + RATE_HZ)
            assert (made.audio() == pcm[: len(made.audio())]).all()
            assert {block.numbered_by for block in made.blocks} == {"run-1"}


def test_killed_without_room_its_numbers_are_not_given_again(tmp_path: Path) -> None:
    """What was retained is lost with the process; nobody takes the next samples for those."""
    with around(file_source(write_wav(tmp_path / "a.wav", noise(30.0)))) as made:
        for least in (0, 10**12):
            with made.process(prefix=("prlimit", "--fsize=4096:unlimited")) as child:
                # Of its own numbers: what the first had sent may still come when the second runs.
                made.until(lambda: sum(block.sample >= least for block in made.blocks) > 25, "audio")  # noqa: B023  # it ends in here
                child.signal(signal.SIGKILL)
                child.wait(END_S)
        first, again = made.blocks[0], next(block for block in made.blocks if block.sample > 10**12)
        assert first.sample == 0
        assert again.sample == pytest.approx(again.time * RATE_HZ, abs=5 * RATE_HZ)
        assert again.follows == 0


def test_what_lies_in_the_way_of_the_ring_holds_nothing_up(tmp_path: Path) -> None:
    """Here a folder; once it is gone the ring takes its place."""
    path = write_wav(tmp_path / "a.wav", noise(30.0))
    with around(file_source(path)) as made:
        (made.folder / "ring.mic").mkdir()
        with made.process():
            made.until(lambda: bool(made.faults()), "the fault")
            assert "ring.mic: Is a directory" in made.faults()[0]
            (made.folder / "ring.mic").rmdir()
            made.until(lambda: made.faults() == [], "the fault to be over")
            assert (made.folder / "ring.mic").stat().st_size > 30 * RATE_HZ


def on_disk(retention_s: float = 30) -> Capture:
    return Capture(retention_s=retention_s, spool="disk")


def copy_of(around: Around) -> Path:
    return around.folder / "state" / "spool" / "ring.mic"


def copied_pending(around: Around) -> int:
    """Return how many samples are pending by the record of the copy; -1 while there is none."""
    if not copy_of(around).exists():
        return -1
    ring = Ring(bytearray(copy_of(around).read_bytes()))
    return Record.unpack(ring.record, ring.grown).ledger.pending_samples if ring.record else 0


def test_on_disk_a_copy_outlives_the_machine(tmp_path: Path) -> None:
    """The runtime directory is empty after a reboot: what was retained comes from the copy."""
    pcm = noise(6.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=on_disk()) as made:
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            made.tell(Settled("mic", 0, RATE_HZ, 900))
            made.until(lambda: made.ledger()["delivered"] == RATE_HZ, "settlement")
            made.until(lambda: copied_pending(made) == 5 * RATE_HZ, "the copy")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        assert stat.S_IMODE(copy_of(made).stat().st_mode) == 0o600
        assert stat.S_IMODE(copy_of(made).parent.stat().st_mode) == 0o700
        (made.folder / "ring.mic").unlink()
        made.pump()
        made.blocks.clear()
        made.write_run("run-2")
        with made.process() as child:
            made.until(lambda: whole(made), "what was retained")
            made.tell(Received("mic", len(pcm), len(pcm)))
            made.until(lambda: made.blocks[-1].end and made.blocks[-1].stop > 10**12, "the file")
            old = [block for block in made.blocks if block.sample < 10**12]
            got = b"".join(block.pcm for block in old if block.sample >= block.wanted)
            assert got == pcm[RATE_HZ:].tobytes()
            # The copy may have been a second old: no number is given to two samples.
            new = [block for block in made.blocks if block.sample >= 10**12]
            assert (new[0].follows, new[0].numbered_by) == (len(pcm), "run-1")
            assert b"".join(block.pcm for block in new) == pcm.tobytes()
            made.tell(Received("mic", new[-1].stop, new[-1].stop))
            made.tell(Settled("mic", 0, new[-1].stop, 0))
            made.until(lambda: made.ledger()["delivered"] == 11 * RATE_HZ, "settlement")
            made.order("stop")
            assert child.wait(END_S) == 0
        assert not copy_of(made).exists()
        assert not (made.folder / "ring.mic").exists()


def test_on_disk_a_stop_keeps_what_is_pending(tmp_path: Path) -> None:
    """It is neither dropped nor lost: the next run goes on with it, at the next number."""
    pcm = noise(2.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=on_disk()) as made:
        with made.process() as child:
            made.until(lambda: whole(made), "the end of the file")
            made.tell(Settled("mic", 0, 1000, 0))
            made.order("stop")
            assert child.wait(END_S) == 0
            made.until(lambda: made.ledger()["pending"] == len(pcm) - 1000, "the last report")
            assert made.ledger()["dropped"] == {}
            assert made.told(Topic.GAP) == []
        assert not (made.folder / "ring.mic").exists()
        made.pump()
        made.blocks.clear()
        made.settings = replace(made.settings, capture=Capture(retention_s=40))
        made.write_run("run-2")
        with made.process():
            made.until(lambda: made.blocks and made.blocks[-1].stop == 2 * len(pcm), "both")
            assert (made.audio() == np.concatenate((pcm, pcm))).all()
            assert made.blocks[0].wanted == 1000
            assert not copy_of(made).exists(), "it is in memory now, as configured"


def test_a_full_disk_is_said_and_heals(tmp_path: Path) -> None:
    """Audio flows and is retained in memory; the copy comes once there is room."""
    pcm = noise(30.0)
    with around(file_source(write_wav(tmp_path / "a.wav", pcm)), capture=on_disk()) as made:
        spool = copy_of(made).parent
        spool.parent.mkdir()
        spool.write_text("in the way")
        with made.process() as child:
            made.until(lambda: bool(made.faults()), "the fault")
            assert "spool" in made.faults()[0]
            made.until(lambda: len(made.blocks) > 25, "audio")
            assert (made.folder / "ring.mic").stat().st_size > 0
            spool.unlink()
            made.until(lambda: made.faults() == [], "the fault to be over")
            assert copy_of(made).exists()
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        with made.process():
            until_sample = made.blocks[-1].stop + RATE_HZ
            made.until_sample(until_sample)
            assert (made.audio() == pcm[: len(made.audio())]).all(), "the ring, not the copy, is gone on with"


def test_settled_audio_does_not_linger(tmp_path: Path) -> None:
    """Neither in the ring's file nor in the copy, but for a lead-in."""
    pcm = noise(20.0)
    path = write_wav(tmp_path / "a.wav", pcm)
    with around(file_source(path, pace="fast"), capture=on_disk()) as made, made.process():
        for second in range(1, 21):
            made.until_sample(second * RATE_HZ)
            made.settle()
        made.until(lambda: made.ledger()["delivered"] == len(pcm), "settlement")

        def wiped(file: Path) -> bool:
            data = file.read_bytes()
            return pcm[1000:1500].tobytes() not in data and pcm[12 * RATE_HZ :][:500].tobytes() not in data

        for file in (made.folder / "ring.mic", copy_of(made)):
            made.until(lambda file=file: wiped(file), f"{file} to be wiped")  # type: ignore[misc]  # at once
            assert pcm[-500:].tobytes() in file.read_bytes(), "a lead-in stays"


def test_two_processes_do_not_write_one_ring(tmp_path: Path) -> None:
    """The second waits for the first, which may be about to end, and then says what is wrong."""
    path = write_wav(tmp_path / "a.wav", noise(30.0))
    with around(file_source(path)) as made, made.process() as first:
        made.until(lambda: bool(made.blocks), "audio")
        with made.process() as second:
            assert second.wait(END_S) == 1
            (line,) = second.complained().splitlines()
            assert "ring.mic: in use by another process" in line
        known = len(made.blocks)
        made.until(lambda: len(made.blocks) > known + 10, "more audio of the first")
        assert first.running


def test_a_file_that_vanishes_during_a_restart_ends_there(tmp_path: Path) -> None:
    """What was heard is still sent, and the source ends."""
    path = write_wav(tmp_path / "a.wav", noise(30.0))
    with around(file_source(path)) as made:
        with made.process() as child:
            made.until(lambda: len(made.blocks) > 20, "blocks")
            child.signal(signal.SIGKILL)
            child.wait(END_S)
        path.unlink()
        with made.process() as child:
            made.until(lambda: made.state() == "ended" and whole(made), "the end")
            assert "no such file" in child.complained()
            assert (made.audio() == noise(30.0)[: len(made.audio())]).all()


def test_an_orphan_ends() -> None:
    """The lifeline closes with supervise: no device stays open for nobody."""
    read_end, write_end = os.pipe()
    with around(Source(name="mic", input="stdin")) as made:
        argv = [sys.executable, "-m", "heard.capture", "--runtime-dir", str(made.folder)]
        argv += ["--lifeline", str(read_end)]
        feed, kept = os.pipe()
        child = subprocess.Popen(argv, pass_fds=[read_end], stdin=feed)
        try:
            made.until(lambda: made.report is not None, "a report")
            os.close(write_end)
            assert child.wait(END_S) == 0
        finally:
            child.kill()
            child.wait(END_S)
            for descriptor in (read_end, feed, kept):
                os.close(descriptor)
