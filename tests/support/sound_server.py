"""A real PulseAudio server for the tests, private to one test: its sinks play to nobody.

What is played into a null sink is heard on its monitor, which is an input like any microphone. A
null sink on its own ticks every two seconds; a silent player that asks for little latency makes it
tick as a sound card does, so one runs into each sink for as long as the server.

Needs the Debian packages pulseaudio, pulseaudio-utils and, for PortAudio, libasound2-plugins.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import numpy as np
import soundfile

from . import processes
from .poll import until

START_S = 30.0
COMMAND_S = 30.0
SERVER_LIMIT_S = 600.0
LATENCY_MS = 20

# Without Debian's alsa.conf, whose hooks come last: a desktop's default would take the place of ours.
ALSA_TEMPLATE = """\
pcm.default {{ type pulse }}
ctl.default {{ type pulse }}
pcm.pulse {{ type pulse }}
{monitors}"""

# PortAudio's ALSA side lists such definitions as devices, so each monitor can be asked for by name.
MONITOR_TEMPLATE = """\
pcm.{sink} {{ type pulse device "{sink}.monitor" hint {{ show on description "{sink}" }} }}
"""


class SoundServer:
    """A PulseAudio server; the first sink's monitor is the default source.

    sinks    the null sinks' names; PortAudio sees an input of the same name for each
    rate_hz  of all sinks, mono
    limit_s  it ends by itself after so long
    """

    def __init__(
        self, folder: Path, sinks: Sequence[str], rate_hz: int, limit_s: float = SERVER_LIMIT_S
    ) -> None:
        self.sinks = tuple(sinks)
        self.rate_hz = rate_hz
        self._limit_s = limit_s
        self._folder = folder
        self._socket = folder / "native"
        self._running = ExitStack()
        self._server: processes.Child | None = None
        (folder / "alsa.conf").write_text(
            ALSA_TEMPLATE.format(monitors="".join(MONITOR_TEMPLATE.format(sink=sink) for sink in sinks)),
            encoding="utf-8",
        )

    def environment(self) -> dict[str, str]:
        """Return our environment, changed so that a child uses this server and no other."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PULSE_")}
        return ours | {
            "PULSE_SERVER": f"unix:{self._socket}",
            "XDG_RUNTIME_DIR": str(self._folder),
            "XDG_CONFIG_HOME": str(self._folder / "config"),
            "HOME": str(self._folder),
            # A developer's own session has nothing to do with this server.
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "ALSA_CONFIG_PATH": str(self._folder / "alsa.conf"),
        }

    def start(self) -> None:
        """Start the server and return once every sink ticks."""
        if self._server is not None:
            raise RuntimeError("the sound server is running already")
        self._server = self._running.enter_context(self._started())
        until(self._answers, START_S, "the sound server to answer")
        self._tick(*self.sinks)

    def stop(self) -> None:
        """End the server in an orderly way, as a logout does; `start` starts it again."""
        if self._server is not None:
            self._server.terminate()
        self._end()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash does; `start` starts it again."""
        if self._server is not None:
            self._server.kill()
        self._end()

    def restart(self) -> None:
        """Kill the server and start it again, on the same socket."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stall the server: its clients stay connected and hear nothing more."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a stalled server go on."""
        self._signal(signal.SIGCONT)

    def suspend(self, suspended: bool, sink: str | None = None) -> None:
        """Suspend or resume a sink (the first) and its monitor: a recorder's stream just stops."""
        self.control("suspend-sink", sink or self.sinks[0], str(int(suspended)))

    def unplug(self, sink: str) -> None:
        """Take a sink and its monitor away, as a device is unplugged."""
        (line,) = [
            line
            for line in self.control("list", "short", "modules").splitlines()
            if f"sink_name={sink} " in line
        ]
        self.control("unload-module", line.split()[0])

    def plug(self, sink: str) -> None:
        """Bring a sink and its monitor, which tick as a sound card does."""
        module, *arguments = self._null_sink(sink).split()
        self.control("load-module", module, *arguments)
        self._tick(sink)

    @contextmanager
    def sounding(self, hz: float, sink: str, *, amplitude: float = 0.5) -> Iterator[None]:
        """Play a tone into a sink while the block runs."""
        times = np.arange(self.rate_hz) / self.rate_hz
        path = self._folder / f"{hz:g}.wav"
        # Whole periods a second, so that its repetitions join.
        tone = amplitude * np.sin(2 * np.pi * round(hz) * times)
        soundfile.write(path, np.tile(tone, 120), self.rate_hz, subtype="PCM_16")
        with self.playing(path, sink):
            until(lambda: self._count("sink-inputs") > len(self.sinks), START_S, "the tone")
            yield

    def play(self, path: Path, sink: str | None = None, *, limit_s: float = 120.0) -> None:
        """Play anything that libsndfile reads into a sink (the first) and wait for its end."""
        with self.playing(path, sink, limit_s=limit_s) as player:
            if player.wait(limit_s) != 0:
                raise RuntimeError(f"could not play {path}\n{player.tail()}")

    def playing(
        self, path: Path, sink: str | None = None, *, limit_s: float = 120.0, latency_ms: int = LATENCY_MS
    ) -> AbstractContextManager[processes.Child]:
        """Play a file into a sink (the first) while the block runs.

        `latency_ms`: so much of it waits in the server, and no moment is lost where the player comes late.
        """
        return self._player(sink or self.sinks[0], path, limit_s=limit_s, latency_ms=latency_ms)

    def recorded(
        self, path: Path, rate_hz: int, sink: str | None = None, *, limit_s: float = 120.0
    ) -> AbstractContextManager[processes.Child]:
        """Write what a sink (the first) plays to a file while the block runs: a byte a sample, unsigned."""
        argv = ["parecord", f"--device={sink or self.sinks[0]}.monitor", f"--latency-msec={LATENCY_MS}"]
        argv += ["--raw", "--format=u8", "--channels=1", f"--rate={rate_hz}", str(path)]
        return processes.started(argv, limit_s=limit_s, env=self.environment())

    def control(self, *words: str) -> str:
        """Run `pactl` with these words and return what it printed.

        Raises:
            RuntimeError: if the server refused or is not there.

        """
        finished = processes.run(["pactl", *words], limit_s=COMMAND_S, env=self.environment())
        if finished.code != 0:
            raise RuntimeError(f"pactl {' '.join(words)}: {finished.stderr.strip()}")
        return finished.stdout

    def recorders(self) -> int:
        """Return how many streams record from this server at the moment."""
        return self._count("source-outputs")

    def log(self) -> str:
        """Return what the running server has said."""
        return self._server.complained() if self._server is not None else ""

    def _tick(self, *sinks: str) -> None:
        """Keep a silent player running into each of the sinks."""
        playing = self._count("sink-inputs") + len(sinks)
        for sink in sinks:
            self._running.enter_context(self._player(sink, Path("/dev/zero"), "--raw"))
        until(lambda: self._count("sink-inputs") >= playing, START_S, "the silent players")
        for sink in sinks:
            # An idle sink has rendered two seconds of silence ahead; resuming starts it from now.
            self.suspend(True, sink)
            self.suspend(False, sink)

    def _answers(self) -> bool:
        if self._server is None or not self._server.running:
            raise RuntimeError(f"the sound server did not start\n{self.log()}")
        return (
            self._socket.exists()
            and processes.run(["pactl", "info"], limit_s=COMMAND_S, env=self.environment()).code == 0
        )

    def _count(self, kind: str) -> int:
        return len(self.control("list", "short", kind).splitlines())

    def _signal(self, number: int) -> None:
        if self._server is None:
            raise RuntimeError("the sound server is not running")
        self._server.signal(number)

    def _end(self) -> None:
        self._running.close()
        self._server = None
        self._socket.unlink(missing_ok=True)

    def _started(self) -> AbstractContextManager[processes.Child]:
        modules = [f"module-native-protocol-unix socket={self._socket} auth-anonymous=1"]
        modules += [self._null_sink(sink) for sink in self.sinks]
        argv = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        argv += ["--use-pid-file=no", "--realtime=no", "--high-priority=no", "--log-target=stderr"]
        argv += [f"--load={module}" for module in modules]
        return processes.started(argv, limit_s=self._limit_s, env=self.environment())

    def _null_sink(self, sink: str) -> str:
        return (
            f"module-null-sink sink_name={sink} rate={self.rate_hz} channels=1 "
            f"sink_properties=device.description={sink}"
        )

    def _player(
        self,
        sink: str,
        path: Path,
        *options: str,
        limit_s: float | None = None,
        latency_ms: int = LATENCY_MS,
    ) -> AbstractContextManager[processes.Child]:
        argv = ["paplay", f"--device={sink}", f"--latency-msec={latency_ms}", *options, str(path)]
        return processes.started(argv, limit_s=limit_s or self._limit_s, env=self.environment())


@contextmanager
def sound_server(
    sinks: Sequence[str] = ("room",), *, rate_hz: int = 48_000, limit_s: float = SERVER_LIMIT_S
) -> Iterator[SoundServer]:
    """Run a server for as long as the block.

    Raises:
        RuntimeError: if a program that it needs is not installed.

    """
    missing = [name for name in ("pulseaudio", "paplay", "parecord", "pactl") if shutil.which(name) is None]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} not found: apt-get install pulseaudio pulseaudio-utils")
    # Not under pytest's tmp_path: a socket's path is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="heard-sound-") as name:
        server = SoundServer(Path(name), sinks, rate_hz, limit_s)
        try:
            server.start()
            yield server
        finally:
            server.kill()
