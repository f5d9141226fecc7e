"""Recording from a device, through a real sound server."""

import sys

import numpy as np

from ...support import processes
from ...support.sound_server import sound_server

ATTEMPTS = 3


def test_a_device_is_recorded_for_as_long_as_was_asked() -> None:
    """Samples on stdout, as many as make so many seconds, with what was played in them."""
    argv = [sys.executable, "-m", "heard.compare.microphone", "--device", "room", "--seconds", "2"]
    # It sounds for as long as the start may take.
    with sound_server() as server, server.sounding(440.0, "room"):
        for _ in range(ATTEMPTS):
            with processes.started(argv, env=server.environment(), limit_s=100) as child:
                code = child.wait(90)
                said, pcm = child.tail(), np.frombuffer(child.stdout.read_bytes(), "<i2")
            # To whom the machine holds up for a second, a device seems to be gone.
            if "no audio for" not in said:
                break
    assert code == 0, said
    assert len(pcm) == 32_000
    assert np.abs(pcm).max() > 1000


def test_a_device_that_is_not_there_is_one_line() -> None:
    """With those that are."""
    argv = [sys.executable, "-m", "heard.compare.microphone", "--device", "attic", "--seconds", "2"]
    with sound_server() as server:
        finished = processes.run(argv, limit_s=100, env=server.environment())
    assert (finished.code, finished.stdout) == (1, "")
    assert finished.stderr.count("\n") == 1
    assert "no input device 'attic'; there are: " in finished.stderr
