"""A real PipeWire with its PulseAudio side, private to one test; its sinks play to nobody.

Needs the Debian packages pipewire, pipewire-pulse, wireplumber, dbus-daemon and pulseaudio-utils. They are
not among those that `make test` installs: on a desktop they would take the place of its sound server.
"""

import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from . import processes
from .poll import until
from .sound_server import SERVER_LIMIT_S, START_S, SoundServer

PROGRAMS = ("pipewire", "wireplumber", "pipewire-pulse", "dbus-daemon", "pactl", "paplay")


def missing() -> list[str]:
    """Return the programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class PipeWireServer(SoundServer):
    """PipeWire as a sound server; each null sink has a monitor, and the first is the default."""

    def __init__(self, folder: Path, sinks: Sequence[str], rate_hz: int) -> None:
        super().__init__(folder, sinks, rate_hz)
        self._socket = folder / "pulse" / "native"
        self._bus = folder / "bus"
        self._others: list[processes.Child] = []

    def environment(self) -> dict[str, str]:
        """Return our environment, changed so that a child uses this server and no other."""
        return super().environment() | {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self._bus}",
            "PIPEWIRE_RUNTIME_DIR": str(self._folder),
            "XDG_STATE_HOME": str(self._folder / "state"),
        }

    def start(self) -> None:
        """Start the bus, PipeWire and its PulseAudio side, and return once the sinks tick."""
        bus = ["dbus-daemon", "--session", "--nofork", "--nopidfile", f"--address=unix:path={self._bus}"]
        self._others = [self._running.enter_context(self._program(*bus))]
        until(self._bus.exists, START_S, "the bus")
        self._others.append(self._running.enter_context(self._program("pipewire")))
        until((self._folder / "pipewire-0").exists, START_S, "PipeWire")
        self._others.append(self._running.enter_context(self._program("wireplumber")))
        self._server = self._running.enter_context(self._program("pipewire-pulse"))
        until(self._answers, START_S, "the sound server to answer")
        for sink in self.sinks:
            self.plug(sink)
        until(lambda: self._count("sinks") >= len(self.sinks), START_S, "the sinks")
        self.control("set-default-sink", self.sinks[0])
        self.control("set-default-source", f"{self.sinks[0]}.monitor")

    def freeze(self) -> None:
        """Stall all of it."""
        for each in (*self._others[1:], self._server):
            if each is not None:
                each.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for each in (*self._others[1:], self._server):
            if each is not None:
                each.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all of it with SIGKILL, as a crash does."""
        for each in (*reversed(self._others[1:]), self._server):
            if each is not None:
                each.kill()
        super().kill()
        for left in (self._bus, self._folder / "pipewire-0", self._folder / "pipewire-0.lock"):
            left.unlink(missing_ok=True)

    def _program(self, *argv: str) -> AbstractContextManager[processes.Child]:
        return processes.started(list(argv), limit_s=SERVER_LIMIT_S, env=self.environment())


@contextmanager
def pipewire_server(sinks: Sequence[str] = ("room",), *, rate_hz: int = 48_000) -> Iterator[PipeWireServer]:
    """Run PipeWire for as long as the block."""
    # Not under pytest's tmp_path: a socket's path is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="heard-pw-") as name:
        server = PipeWireServer(Path(name), sinks, rate_hz)
        try:
            server.start()
            yield server
        finally:
            server.kill()
