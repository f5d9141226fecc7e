"""What is said of PortAudio and of a source's device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heard.doctor import sound
from heard.doctor.finding import State
from heard.doctor.sound import Device, Listing, Machine, Opened
from heard.settings import Source

NOTHING = Machine("ann", nodes=0, readable=0, in_audio=False, servers=())
BLUE = Device("Blue Yeti", "input", 2, default=True)
ROOM = Device("room", "monitor", 1, default=False)
LISTING = Listing((BLUE, ROOM))


@pytest.mark.parametrize(
    ("listing", "machine", "found", "fix"),
    [
        (
            Listing(error="PortAudio is not installed: apt install libportaudio2"),
            NOTHING,
            "PortAudio is not installed",
            "apt install libportaudio2",
        ),
        (Listing(timed_out=True, seconds=12), NOTHING, "does not answer within 12 s", "restart pipewire"),
        (Listing(), NOTHING, "no sound card in /dev/snd, and no sound server", "plug a microphone in"),
        (
            Listing(),
            Machine("ann", nodes=2, readable=0, in_audio=False, servers=()),
            "2 in /dev/snd, which ann may not open",
            "sudo usermod -aG audio ann",
        ),
        (
            Listing(),
            Machine("ann", nodes=2, readable=0, in_audio=True, servers=()),
            "may not open",
            "ls -l /dev/snd",
        ),
        (
            Listing(),
            Machine("ann", nodes=0, readable=0, in_audio=True, servers=("PipeWire",), bridges=("x.so",)),
            "no input, though PipeWire is there",
            "restart pipewire",
        ),
        (
            Listing(),
            Machine("ann", nodes=0, readable=0, in_audio=True, servers=("PulseAudio",)),
            "nothing joins it to ALSA",
            "apt install libasound2-plugins",
        ),
        (
            Listing(),
            Machine("ann", nodes=0, readable=0, in_audio=True, servers=("PulseAudio", "PipeWire")),
            "nothing joins it to ALSA",
            "apt install pipewire-alsa",
        ),
    ],
)
def test_no_input_at_all(listing: Listing, machine: Machine, found: str, fix: str) -> None:
    """Why there is none decides what to do."""
    (finding,) = sound.portaudio(listing, machine, needed=True)
    assert finding.state is State.FAULT
    assert found in finding.found
    assert fix in finding.fix
    (spared,) = sound.portaudio(listing, machine, needed=False)
    assert spared.state is State.SKIPPED


def test_inputs_are_counted() -> None:
    """With the sound servers that could bring them."""
    machine = Machine("ann", nodes=0, readable=0, in_audio=False, servers=("PulseAudio", "PipeWire"))
    (finding,) = sound.portaudio(LISTING, machine, needed=True)
    assert finding.found == "2 inputs, PulseAudio and PipeWire at hand"


def test_a_sound_server_can_do_without_the_library() -> None:
    """Its devices are heard; that no others can be is worth a warning, with what to install."""
    machine = Machine("ann", nodes=0, readable=0, in_audio=False, servers=("PulseAudio",))
    listing = replace(LISTING, lacking="PortAudio is not installed: apt install libportaudio2")
    (finding,) = sound.portaudio(listing, machine, needed=True)
    assert finding.state is State.WARNING
    assert finding.found.startswith("PortAudio is not installed: 2 of the sound server's inputs")
    assert finding.fix == "apt install libportaudio2"


def test_a_name_that_no_device_has() -> None:
    """Those that exist are listed, and the one most like it is the fix."""
    device, (finding,) = sound.device(Source(device="Blue Jeti"), LISTING)
    assert device is None
    assert finding.state is State.FAULT
    assert "there are: 'Blue Yeti', 'room'" in finding.found
    assert 'source.mic.device = "Blue Yeti"' in finding.fix


def test_the_default_is_one_of_them() -> None:
    """As capture takes it."""
    assert sound.device(Source(), LISTING) == (BLUE, [])
    nobody, (finding,) = sound.device(Source(), Listing((ROOM,)))
    assert nobody is None
    assert 'source.mic.device = "room"' in finding.fix


def test_a_channel_that_it_does_not_have() -> None:
    """The number that would be right."""
    device, (finding,) = sound.device(Source(device="room", channel=3), LISTING)
    assert device is None
    assert "has 1" in finding.found
    assert "channel = 1" in finding.fix


@pytest.mark.parametrize(
    ("outcome", "state", "found", "fix"),
    [
        (Opened(timed_out=True), State.FAULT, "hangs", "restart"),
        (Opened("Blue Yeti: no audio for 800 ms"), State.FAULT, "delivers nothing", "plug it in anew"),
        (Opened("Blue Yeti: Invalid sample rate"), State.FAULT, "Invalid sample rate", "rate_hz = 0"),
        (Opened("Blue Yeti: Device unavailable"), State.FAULT, "unavailable", "fuser"),
        (Opened(lost_samples=99), State.WARNING, "lost 99 samples", "busy"),
        (Opened(), State.OK, "opens and delivers", ""),
    ],
)
def test_how_it_opens(outcome: Opened, state: State, found: str, fix: str) -> None:
    """Each way of failing has its own fix."""
    (finding,) = sound.opened(Source(), BLUE, outcome)
    assert finding.state is state
    assert found in finding.found
    assert fix in finding.fix


@pytest.mark.parametrize(
    ("told", "state", "word"),
    [
        ({"state": "live", "device": "x", "level_dbfs": -40.0}, State.OK, "-40 dBFS"),
        ({"state": "live", "device": "x", "level_dbfs": -120.0}, State.WARNING, "digital silence"),
        ({"state": "lost", "device": "x"}, State.FAULT, "lost"),
        ({"state": "muted", "device": "x"}, State.WARNING, "muted"),
    ],
)
def test_what_a_running_daemon_says(told: dict[str, object], state: State, word: str) -> None:
    """Its device is not opened a second time."""
    (finding,) = sound.of_daemon("mic", told)
    assert finding.state is state
    assert word in finding.found
