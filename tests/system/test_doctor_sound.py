"""`heard doctor` listens: PortAudio and devices of a real sound server, broken one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from heard.doctor.finding import State

from ..support.sound_server import SoundServer
from .examined import SPOKEN, Report, asked, written
from .running import folder

MIC = {"name": "mic", "device": "room", "denoise": {"backend": "off"}}
NO_SERVICE = {"service": "assemblyai", "url": "ws://127.0.0.1:9/v3/ws"}


@pytest.fixture(name="place")
def _place() -> Iterator[Path]:
    with folder() as place:
        yield place


def listened(place: Path, server: SoundServer, seconds: float = 1.0, **source: object) -> Report:
    """Run the command with one source on the server's device."""
    config = written(place, [{**MIC, **source}], upstream=NO_SERVICE)
    return asked(config, "--listen", f"{seconds:g}", env=server.environment() | {"PYTHONPATH": str(place)})


def noise(path: Path, dbfs: float) -> Path:
    """Write some seconds of white noise at a level, or clipped where that is above full scale."""
    rng = np.random.default_rng(1)
    samples = np.clip(rng.standard_normal(48_000 * 20) * 10 ** (dbfs / 20), -1, 1)
    soundfile.write(path, samples, 48_000, subtype="PCM_16")
    return path


@pytest.mark.slow
def test_levels(place: Path, sound_server: SoundServer) -> None:
    """Speech, far too little, far too much: each as the device delivers it."""
    speech, rate_hz = soundfile.read(SPOKEN)
    soundfile.write(place / "speech.wav", np.tile(speech, 8), rate_hz)
    with sound_server.playing(place / "speech.wav"):
        assert listened(place, sound_server).of("level mic").state is State.OK
    for level, word in ((-90, "far too low"), (6, "clipping")):
        with sound_server.playing(noise(place / "noise.wav", level)):
            finding = listened(place, sound_server).of("level mic")
        assert finding.state is State.WARNING, finding
        assert word in finding.found
        assert "set-source-volume" in finding.fix


def test_nothing_but_zeros_then_no_library(place: Path, sound_server: SoundServer) -> None:
    """A microphone that is muted is a fault, though it opens; then PortAudio is looked for in vain.

    The sound server's devices are heard without it; without a server, nothing is.
    """
    silent = listened(place, sound_server)
    assert silent.code == 1
    assert silent.faults()["level mic"].found.startswith("digital silence")
    assert "set-source-mute" in silent.faults()["level mic"].fix
    assert silent.of("device mic").state is State.OK
    assert silent.of("portaudio").state is State.OK
    (place / "sitecustomize.py").write_text(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    )
    report = listened(place, sound_server)
    lacking = report.of("portaudio")
    assert lacking.state is State.WARNING
    assert lacking.found.startswith("PortAudio is not installed")
    assert lacking.fix == "apt install libportaudio2"
    sound_server.kill()
    report = listened(place, sound_server)
    assert report.faults()["portaudio"].found == "PortAudio is not installed"
    assert report.faults()["portaudio"].fix == "apt install libportaudio2"
    assert report.of("device mic").state is State.SKIPPED


@pytest.mark.slow
def test_devices(place: Path, sound_server: SoundServer) -> None:
    """A name that none has, a channel that it has not; then no sound server at all."""
    (missing,) = [
        each for each in listened(place, sound_server, device="rome").findings if each.check == "device mic"
    ]
    assert missing.state is State.FAULT
    assert "no input is called 'rome'" in missing.found
    assert 'source.mic.device = "room"' in missing.fix
    sound_server.kill()
    report = listened(place, sound_server)
    assert report.code == 1
    assert {"portaudio", "device mic"} & set(report.faults())


@pytest.mark.slow
def test_a_sound_server_that_hangs(place: Path, sound_server: SoundServer) -> None:
    """It hangs nobody: the report says so, and ends within its time."""
    sound_server.freeze()
    try:
        report = listened(place, sound_server)
    finally:
        sound_server.thaw()
    assert report.code == 1
    assert {"portaudio", "device mic"} & set(report.faults())
