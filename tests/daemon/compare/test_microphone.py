"""Recording from a device, through a real sound server."""

import sys

import numpy as np

from ...support import processes
from ...support.corpus import utterance
from ...support.sound_server import sound_server


def test_a_device_is_recorded_for_as_long_as_was_asked() -> None:
    """Samples on stdout, as many as make so many seconds, with what was played in them."""
    argv = [sys.executable, "-m", "heard.compare.microphone", "--device", "room", "--seconds", "2"]
    with (
        sound_server() as server,
        server.playing(utterance("ls-198-209-0000").path),
        processes.started([*argv], env=server.environment(), limit_s=30) as child,
    ):
        assert child.wait(25) == 0, child.tail()
        pcm = np.frombuffer(child.stdout.read_bytes(), "<i2")
    assert len(pcm) == 32_000
    assert np.abs(pcm).max() > 1000


def test_a_device_that_is_not_there_is_one_line() -> None:
    """With those that are."""
    argv = [sys.executable, "-m", "heard.compare.microphone", "--device", "attic", "--seconds", "2"]
    with sound_server() as server:
        finished = processes.run(argv, limit_s=30, env=server.environment())
    assert (finished.code, finished.stdout) == (1, "")
    assert finished.stderr.count("\n") == 1
    assert "no input device 'attic'; there are: " in finished.stderr
