"""PortAudio for real, through a private PulseAudio: heard, timed, noticed when gone, and really closed.

PortAudio is only ever touched by the capture process, which has a time limit.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import correlate

from heard.capture.lost import InputLostError
from heard.capture.portaudio import Device, Reads, find, wanted_channels
from heard.settings import Capture, Source
from heard.wire.audio import End
from heard.wire.topics import Topic

from ...support import corpus, processes
from ...support.sound_server import SoundServer, sound_server
from .around import END_S, RATE_HZ, Around, around

SPOKEN = corpus.utterance("arctic-aew-a0003")
PIECE = RATE_HZ // 2
SPOKEN_S = len(SPOKEN.samples()) / RATE_HZ

# Sets "memory that can be written is never executed" for itself and whatever it becomes (prctl(2)),
# as MemoryDenyWriteExecute=yes does: cffi's callbacks are forbidden then.
HARDENED = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(f"no PR_SET_MDWE: {os.strerror(ctypes.get_errno())}")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


# Where it is not the subject, that a busy machine holds something up for a second is no loss.
PATIENT = Capture(retention_s=60, stall_ms=3000)
ATTEMPTS = 3


@contextmanager
def listening(server: SoundServer, capture: Capture | None = None, **given: object) -> Iterator[Around]:
    """Run a capture process on the server, live from the start."""
    source = Source(**{"device": "room", **given})  # type: ignore[arg-type]  # fields by name
    with (
        around(source, capture=capture or PATIENT) as made,
        made.process(env=server.environment()),
    ):
        made.until(lambda: made.state() == "live", "sound")
        yield made


def places_of_speech(made: Around) -> dict[int, int]:
    """Return at which sample what was played began, as each half second of it says that is heard at all.

    A loaded PulseAudio skips or inserts some ms between a player and all that record; a piece may be
    torn by that, and then those behind it lie elsewhere.
    """
    heard, played = made.audio() / 32768, SPOKEN.samples()
    places = {}
    for start in range(0, len(played) - PIECE, PIECE):
        piece = played[start : start + PIECE]
        at = int(correlate(heard, piece, mode="valid").argmax())
        part = heard[at : at + PIECE]
        if float(part @ piece / np.sqrt((part @ part) * (piece @ piece))) > 0.9:
            places[start] = at - start
    assert len(places) >= len(played) // PIECE - 2
    return places


WAYS: tuple[tuple[Reads, dict[str, object]], ...] = (
    ("callback", {}),
    ("blocking", {"device": "default", "rate_hz": RATE_HZ}),
    ("auto", {"channel": 0, "rate_hz": 48_000}),
)


def test_what_is_played_is_heard_at_its_time(sound_server: SoundServer) -> None:
    """By name and by default, by callback and by reads, at native and asked rates, one channel and mixed.

    A machine that holds us up for longer than PortAudio's buffer lasts tears what is heard. It does not do so
    time after time; a fault of ours does.
    """
    for attempt in range(ATTEMPTS):
        try:
            check_what_is_played(sound_server)
        except AssertionError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return


def check_what_is_played(sound_server: SoundServer) -> None:
    """Play something, hear it in all ways at once, and compare."""
    with ExitStack() as stack:
        ways = [
            (
                stack.enter_context(listening(sound_server, replace(PATIENT, reads=reads), **given)),
                given,
            )
            for reads, given in WAYS
        ]
        began = time.time()
        sound_server.play(SPOKEN.path)
        over = time.time()
        places: list[dict[int, int]] = []
        for made, given in ways:
            made.until_time(over + 0.2)
            places.append(places_of_speech(made))
            at = min(places[-1].values())
            block = next(block for block in made.blocks if block.stop > at)
            heard_at = block.time + (at - block.sample) / RATE_HZ
            # The player needs some tenths to start; the clock may not lie outside of that.
            assert began - 0.05 < heard_at < over - SPOKEN_S + 0.15
            late = [each.handed - each.time - each.samples / RATE_HZ for each in made.blocks[10:]]
            assert min(late) > 0
            jumps = np.diff([each.time - each.sample / RATE_HZ for each in made.blocks])
            assert np.abs(jumps).max() < 0.02
            status = made.status()
            assert status["xruns"] == 0
            assert not made.ledger()["gaps"]
            assert status["rate_hz"] == given.get("rate_hz", 44_100)
            assert {each.segment for each in made.blocks} == {0}
        # Whatever the server did to the sound, each way heard the same: none lost or doubled a sample.
        first = places[0]
        for other in places[1:]:
            apart = [other[start] - first[start] for start in first.keys() & other.keys()]
            assert max(apart) - min(apart) < 0.001 * RATE_HZ


def test_a_device_that_falls_silent_is_lost_within_a_second(sound_server: SoundServer) -> None:
    """Suspended, its stream just stops; resumed, it is found again and the gap has its length."""
    with listening(sound_server, Capture(retention_s=60), rate_hz=RATE_HZ) as made:
        made.until(lambda: len(made.blocks) > 20, "audio")
        sound_server.suspend(True)
        made.until(lambda: made.state() == "lost", "the loss")
        made.until(lambda: made.blocks[-1].end is End.LOST, "the segment's end")
        sound_server.suspend(False)
        made.until(lambda: made.state() == "live" and made.blocks[-1].segment > 0, "sound again")
        check_gap(made)
        made.until_said("live", "lost", "live")
        # As capture itself has counted the silence: in pieces of a tenth of a second at most.
        found = re.fullmatch(r"room: no audio for (\d+) ms", made.why_lost())
        assert found is not None
        assert 800 <= int(found[1]) < 1000


def test_a_sound_server_that_dies_is_waited_for(sound_server: SoundServer) -> None:
    """And one that hangs: each time the gap is measured, and the same device is heard again."""
    with listening(sound_server, rate_hz=RATE_HZ) as made:
        made.until(lambda: len(made.blocks) > 20, "audio")
        sound_server.kill()
        made.until(lambda: made.state() == "lost", "the loss")
        sound_server.start()
        made.until(lambda: made.state() == "live" and made.blocks[-1].segment == 1, "sound again")
        check_gap(made)
        sound_server.freeze()
        made.until(lambda: made.state() == "lost", "the second loss")
        sound_server.thaw()
        made.until(lambda: made.state() == "live" and made.blocks[-1].segment == 2, "sound again")
        check_gap(made)


def check_gap(made: Around) -> None:
    """Compare the last gap with the times of the segments around it, and with the ledger."""
    segment = made.blocks[-1].segment
    made.until(lambda: len(made.told(Topic.GAP)) >= segment, "the gap's message")
    gap = made.told(Topic.GAP)[-1]
    after = next(block for block in made.blocks if block.segment == segment)
    before = [block for block in made.blocks if block.segment == segment - 1][-1]
    missing = after.time - before.time - before.samples / RATE_HZ
    assert gap["reason"] == "device-lost"
    assert gap["samples"] == pytest.approx(missing * RATE_HZ, abs=0.05 * RATE_HZ)
    total = pytest.approx(made.lost(), abs=segment * 2)
    made.until(lambda: made.ledger()["gaps"].get("device-lost", 0) == total, "the ledger")


def test_a_stream_that_the_server_moves_is_lost() -> None:
    """Through ALSA's plug-in a desktop's server moves it to another microphone; its own is waited for."""
    with sound_server(("room", "hall")) as server:
        server.control("load-module", "module-rescue-streams")
        with listening(server, rate_hz=RATE_HZ) as made:
            # It takes two looks to know where a stream is, and that it is elsewhere.
            made.until(lambda: made.blocks and made.blocks[-1].stop > 2 * RATE_HZ, "two seconds")
            server.unplug("room")
            made.until(lambda: made.state() == "lost", "the loss")
            made.until_said("live", "lost")
            assert made.why_lost() == "room: the sound server moved us from room.monitor to hall.monitor"
            heard = made.ledger()["captured"]
            made.until(lambda: made.ledger()["gaps"].get("device-lost", 0) > 2 * RATE_HZ, "two seconds")
            assert made.ledger()["captured"] == heard
            server.plug("room")
            made.until(lambda: made.state() == "live", "sound again")


def test_mute_closes_the_device(sound_server: SoundServer) -> None:
    """Nobody records any more; unmuted, it is heard again and the time between is on the account."""
    with listening(sound_server, rate_hz=RATE_HZ) as made:
        made.until(lambda: sound_server.recorders() == 1 and len(made.blocks) > 20, "audio")
        assert made.order("mute").result == {"sources": {"mic": "muted"}}
        made.until(lambda: sound_server.recorders() == 0, "a closed device")
        made.until(lambda: made.ledger()["muted"] > 0, "muted time")
        assert made.order("unmute").result == {"sources": {"mic": "live"}}
        made.until(lambda: made.state() == "live" and made.blocks[-1].segment == 1, "sound again")
        assert "device-lost" not in made.ledger()["gaps"]


def test_killed_the_gap_is_measured(sound_server: SoundServer) -> None:
    """A device's sound goes on without us: the next process counts what was missed, to 50 ms."""
    source = Source(device="room", rate_hz=RATE_HZ)
    with around(source, capture=PATIENT) as made:
        with made.process(env=sound_server.environment()) as child:
            made.until(lambda: len(made.blocks) > 20, "audio")
            child.kill()
        with made.process(env=sound_server.environment()):
            made.until(lambda: made.state() == "live" and made.blocks[-1].segment == 1, "sound again")
            after = next(block for block in made.blocks if block.segment == 1)
            ends = [block for block in made.blocks if block.segment == 0 and block.end]
            assert [block.end for block in ends] == [End.RESTART]
            made.until(lambda: bool(made.told(Topic.GAP)), "the gap's message")
            (gap,) = made.told(Topic.GAP)
            assert gap["reason"] == "capture-restart"
            missing = after.time - ends[0].time - ends[0].samples / RATE_HZ
            assert gap["samples"] == pytest.approx(missing * RATE_HZ, abs=0.05 * RATE_HZ)
            made.audio()


def test_a_name_that_no_device_has(sound_server: SoundServer) -> None:
    """It is lost, the log names those that exist, and the time is on the account."""
    source = Source(device="nonesuch")
    with around(source) as made, made.process(env=sound_server.environment()) as child:
        made.until(lambda: made.said() == ["lost"], "the loss")
        made.until(lambda: made.report is not None and made.report.state == "ready", "readiness")
        (line,) = child.complained().splitlines()
        assert "no input device 'nonesuch'" in line
        assert "'room'" in line
        made.until(lambda: made.ledger()["gaps"].get("device-lost", 0) > RATE_HZ, "the account")
        made.order("stop")
        assert child.wait(END_S) == 0


def test_a_server_that_hangs_from_the_start_hangs_nobody(sound_server: SoundServer) -> None:
    """The process answers, says that it is lost, and ends when asked."""
    sound_server.freeze()
    source = Source(device="room")
    with around(source) as made, made.process(env=sound_server.environment()) as child:
        made.until(lambda: made.said() == ["lost"], "the loss")
        made.order("stop")
        assert child.wait(END_S) == 0
    sound_server.thaw()


@pytest.mark.parametrize("device", ["room", "room.monitor"])
def test_where_callbacks_are_forbidden_it_reads(sound_server: SoundServer, device: str) -> None:
    """A hardened service is no reason not to hear, through PortAudio or the sound server."""
    source = Source(device=device, rate_hz=RATE_HZ)
    with around(source) as made:
        argv = [sys.executable, "-c", HARDENED, "-m", "heard.capture", "--runtime-dir", str(made.folder)]
        with processes.started(argv, limit_s=100, env=sound_server.environment()) as child:
            made.until(lambda: made.state() == "live", f"sound\n{child.complained()}")
            made.until(lambda: made.blocks and made.blocks[-1].stop > RATE_HZ, "a second")
            assert ("callbacks are forbidden" in child.complained()) == (device == "room")


def test_the_list_of_devices(sound_server: SoundServer) -> None:
    """`heard devices` prints what `device =` accepts."""
    argv = [sys.executable, "-m", "heard.capture.devices"]
    done = processes.run(argv, limit_s=60, env=sound_server.environment())
    assert (done.code, done.stderr) == (0, "")
    assert '"name": "room"' in done.stdout


def test_a_device_is_found_by_its_whole_name() -> None:
    """Never another one; "default" is the default where none is called so."""
    one = Device("one", "input", 2, 48000, default=True, index=0)
    two = Device("one two", "input", 32, 48000, default=False, index=1)
    assert find("one two", [one, two]) is two
    assert find("default", [two, one]) is one
    with pytest.raises(InputLostError, match="no input device 'on'; there are: 'one', 'one two'"):
        find("on", [one, two])
    with pytest.raises(InputLostError, match="there are: none"):
        find("default", [])


def test_channels_that_are_opened() -> None:
    """As many as the wanted one needs; two of a plug-in that claims any number."""
    stereo = Device("a", "input", 2, 48000, default=True, index=0)
    plugin = Device("b", "input", 32, 48000, default=True, index=0)
    assert [wanted_channels(channel, stereo) for channel in (0, 1, 2)] == [2, 1, 2]
    assert wanted_channels(0, plugin) == 2
    with pytest.raises(InputLostError, match="channel = 3: the device has 2"):
        wanted_channels(3, stereo)
