"""The running daemon learns the noise of a room: by `heardctl learn-noise`, and for its next process."""

from __future__ import annotations

import os
import signal

from ..support import processes
from ..support.corpus import noise
from ..support.v3_server import v3_server
from .running import Daemon, control, daemon

WAIT_S = 60.0


def heardctl(heard: Daemon, *words: str) -> processes.Finished:
    """Run `heardctl` on the daemon."""
    return processes.run(control(*words, "--endpoint", f"ipc://{heard.folder}/control"), limit_s=WAIT_S)


def at_work(heard: Daemon) -> str:
    """Return the noise profile that the status shows."""
    return str(heard.source("mic")["denoise"]["noise"])


def _is_up_again(heard: Daemon) -> bool:
    denoise = heard.status()["processes"]["denoise"]
    return (denoise["restarts"], denoise["state"]) == (1, "ready")


def test_the_noise_of_a_room_is_learned_used_and_there_after_a_crash() -> None:
    """Hints and refusals are one line each."""
    source = {"name": "mic", "input": "file", "path": str(noise("car-engine").path), "loop": True}
    with (
        v3_server() as server,
        daemon(
            [source | {"denoise": {"backend": "gate"}}],
            env={**os.environ, "ASSEMBLYAI_API_KEY": "canary"},
            upstream={"service": "assemblyai", "url": server.url},
        ) as heard,
    ):
        heard.wait_ready()
        early = heardctl(heard, "set", "mic", "denoise.noise", "learned")
        assert early.code == 1
        assert early.stderr == "heardctl: nothing was learned yet: heardctl learn-noise mic\n"
        done = heardctl(heard, "learn-noise", "mic", "--seconds", "1")
        assert done.code == 0
        assert done.stdout.startswith("mic: noise at -2")
        assert done.stdout.endswith(" dBFS over 1 s\n")
        assert "heardctl set mic denoise.noise learned" in done.stderr
        assert heardctl(heard, "set", "mic", "denoise.noise", "learned").code == 0
        assert at_work(heard) == "learned"
        assert heardctl(heard, "learn-noise", "mic", "--seconds", "0.5").stderr == ""
        os.kill(heard.status()["processes"]["denoise"]["pid"], signal.SIGKILL)
        # What the old one said of the source stands in the status until the new one is ready.
        heard.until(lambda: _is_up_again(heard), WAIT_S, "a new process")
        heard.until(lambda: at_work(heard) == "learned", WAIT_S, "the profile in the new process")
        assert heardctl(heard, "mute", "mic").code == 0
        muted = heardctl(heard, "learn-noise", "mic", "--seconds", "0.5")
        assert muted.code == 1
        assert muted.stderr.endswith(" after 0.0 s: nothing was learned\n")
