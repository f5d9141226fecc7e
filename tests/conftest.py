"""What every test may rely on: no settings of the developer's own, and a sound server on request."""

import os
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from .support.sound_server import SoundServer, sound_server

# Inputs are made slowly where the machine is busy, which says nothing of the test.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

OWN_SETTINGS = ("HEARD_", "ASSEMBLYAI_", "PULSE_", "ALSA_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Deal out a file at a time, and all files with a sound server to the same worker.

    The tests mostly wait, so there may be more workers than cores; but sound comes late where two of them
    need their time exactly.
    """
    # Else the files with the fewest tests come last, which take longest: the others would wait for them.
    config.option.loadscopereorder = False
    scheduler = LoadFileScheduling(config, log)

    def scope(nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "sound" if _hears(config.rootpath / path) else path

    # What the library's own schedulers override.
    scheduler._split_scope = scope
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: those with a sound server, then those with the whole daemon."""
    items.sort(key=lambda item: (not _hears(item.path), "system" not in item.path.parts))


@cache
def _hears(path: Path) -> bool:
    return "sound_server" in path.read_text(encoding="utf-8")


@pytest.fixture(scope="session", autouse=True)
def _nothing_of_the_developers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep a key, a proxy or a configuration of the developer's out of every test and child."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(OWN_SETTINGS) or name.lower() in PROXIES:
                patch.delenv(name)
        for kind in ("CONFIG", "STATE", "CACHE"):
            patch.setenv(f"XDG_{kind}_HOME", str(tmp_path_factory.mktemp(kind.lower())))
        # systemd's own, where the tests themselves run under a service.
        for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"):
            patch.delenv(name, raising=False)
        # Sockets live here, whose paths must not pass 107 bytes.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """Let children hear Ctrl-C and the end of a terminal though the tests run where both are ignored.

    So it is in a shell's background, and under nohup. What a process ignores its children ignore too; what it
    handles is reset in them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)


@pytest.fixture(name="sound_server")
def _sound_server() -> Iterator[SoundServer]:
    """Start a PulseAudio server of the test's own with one null sink, `room`, whose monitor is heard."""
    with sound_server() as server:
        yield server
