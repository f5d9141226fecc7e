"""The stand-in for a sound card is itself checked: PortAudio hears what is played into it."""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import correlate

from . import corpus, processes
from .poll import until
from .sound_server import SoundServer, sound_server

RATE_HZ = 16_000
BLOCK = 320
SPOKEN = corpus.utterance("arctic-aew-a0003")

# PortAudio is only ever touched by a child, which may hang. Appends s16le to a file until killed.
RECORDER = """
import sys, threading
import sounddevice
device, mode, rate_hz, block, path = *sys.argv[1:3], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
settings = dict(device=device, samplerate=rate_hz, channels=1, dtype="int16", blocksize=block)
with open(path, "wb", buffering=0) as out:
    if mode == "callback":
        copy = lambda data, frames, time, status: out.write(bytes(data))
        with sounddevice.RawInputStream(callback=copy, **settings):
            threading.Event().wait()
    else:
        with sounddevice.RawInputStream(**settings) as stream:
            while True:
                out.write(bytes(stream.read(block)[0]))
"""


def recording(
    server: SoundServer, path: Path, *, device: str = "default", mode: str = "callback"
) -> AbstractContextManager[processes.Child]:
    return processes.started(
        [sys.executable, "-c", RECORDER, device, mode, str(RATE_HZ), str(BLOCK), path],
        limit_s=115,
        env=server.environment(),
    )


def likeness(heard: npt.NDArray[np.float64], played: npt.NDArray[np.float64]) -> float:
    """Return the normalised correlation in the place where it is highest."""
    at = int(correlate(heard, played, mode="valid").argmax())
    part = heard[at : at + len(played)]
    return float(part @ played / np.sqrt((part @ part) * (played @ played)))


def read(path: Path) -> npt.NDArray[np.float64]:
    return np.fromfile(path, dtype="<i2").astype(np.float64) / 32768


def grows(path: Path, by: int = RATE_HZ) -> None:
    """Wait until `by` more bytes have been recorded than now."""
    before = path.stat().st_size
    until(lambda: path.stat().st_size > before + by, 30, f"{path.name} to grow")


def test_portaudio_hears_what_is_played(tmp_path: Path) -> None:
    """By callback and by blocking reads, from the default input and by name, at 16 kHz of 48.

    A busy machine may tear a hole into a playing, which is no fault of the server's: one of eight is whole.
    """
    by_callback, by_reads, elsewhere = (tmp_path / name for name in ("callback", "reads", "hall"))
    with (
        sound_server(("room", "hall")) as server,
        recording(server, by_callback),
        recording(server, by_reads, device="room", mode="reads"),
        recording(server, elsewhere, device="hall"),
    ):
        until(lambda: server.recorders() == 3, 30, "three recorders")
        likely: list[float] = []
        while len(likely) < 8 and max(likely, default=0.0) <= 0.95:
            server.play(SPOKEN.path)
            grows(by_callback)
            grows(by_reads)
            likely.append(min(likeness(read(path), SPOKEN.samples()) for path in (by_callback, by_reads)))
        grows(elsewhere)
    assert max(likely) > 0.95, likely
    assert np.abs(read(elsewhere)).max() < 1e-3


def test_a_suspended_sink_falls_silent_and_comes_back(tmp_path: Path) -> None:
    """A recorder gets no sample while its sink is suspended, and goes on afterwards."""
    suspended, other = tmp_path / "room", tmp_path / "hall"
    with (
        sound_server(("room", "hall")) as server,
        recording(server, suspended, device="room") as recorder,
        recording(server, other, device="hall"),
    ):
        until(lambda: server.recorders() == 2, 30, "two recorders")
        grows(suspended)
        server.suspend(True, "room")

        def nothing_comes() -> bool:
            """Say whether nothing comes while a second does elsewhere."""
            so_far = suspended.stat().st_size
            grows(other, by=2 * RATE_HZ)
            return suspended.stat().st_size == so_far

        # What was under way when the sink was suspended still arrives, late where the recorder is.
        until(nothing_comes, 30, "silence")
        server.suspend(False, "room")
        grows(suspended)
        assert recorder.running


def test_a_killed_server_can_be_started_again_on_its_socket(tmp_path: Path) -> None:
    """Clients lose the old one and find the new one in the same place."""
    path = tmp_path / "recorded"
    with sound_server() as server:
        environment = server.environment()
        server.kill()
        with pytest.raises(RuntimeError, match="pactl info: Connection"):
            server.control("info")
        server.start()
        assert server.environment() == environment
        with recording(server, path):
            until(lambda: path.exists() and path.stat().st_size > RATE_HZ, 30, "sound")


def test_the_server_is_private_and_leaves_nothing_behind() -> None:
    """Its folder is ours alone and goes with it; no other sound server is asked for anything."""
    with sound_server() as server:
        folder = Path(server.environment()["XDG_RUNTIME_DIR"])
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == os.getuid()
        assert server.control("info").splitlines()[0] == f"Server String: unix:{folder}/native"
    assert not folder.exists()
