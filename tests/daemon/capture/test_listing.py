"""The list of devices for a client: from a process of its own, which nobody waits for, and not for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from heard.capture.listing import LIMIT_S, Listing, ListingError
from heard.settings import Source
from heard.wire.codec import Body

from ...support.poll import until
from ...support.sound_server import SoundServer
from .around import RATE_HZ, around, noise, write_wav


@pytest.fixture(name="here")
def _here(sound_server: SoundServer, monkeypatch: pytest.MonkeyPatch) -> SoundServer:
    """Let this process and its children talk to the server."""
    for name, value in sound_server.environment().items():
        monkeypatch.setenv(name, value)
    return sound_server


WAIT_S = 30.0


def patient() -> Listing:
    """Begin a look that has `WAIT_S`: a busy machine may take long to start its process."""
    return Listing(time.monotonic() + WAIT_S - LIMIT_S)


def result(listing: Listing) -> list[Body]:
    """Wait for the devices."""
    found: list[list[Body]] = []

    def asked() -> bool:
        rows = listing.result(time.monotonic())
        if rows is not None:
            found.append(rows)
        return rows is not None

    until(asked, WAIT_S + 5, "the devices")
    return found[0]


def test_the_devices_are_found(here: SoundServer) -> None:  # it runs
    """The sound server's, and those that only PortAudio knows."""
    names = [row["name"] for row in result(patient())]
    assert names[0] == "room.monitor"
    assert "room" in names


def test_who_hangs_is_given_up(here: SoundServer) -> None:
    """After the time limit, with a text for the client."""
    here.freeze()
    now = time.monotonic()
    listing = Listing(now)
    assert listing.result(now) is None
    with pytest.raises(ListingError, match="the sound system did not answer within 10 s"):
        listing.result(now + LIMIT_S)
    until(lambda: listing._child.poll() is not None, WAIT_S, "its end")
    here.thaw()


def test_without_anybody_to_ask_the_reason_is_told(
    tmp_path: Path, here: SoundServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither PortAudio nor a sound server: what to install."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    here.kill()
    with pytest.raises(ListingError, match="PortAudio is not installed: apt install libportaudio2"):
        result(patient())


# The look for devices waits for a file.
HELD = """
import os, sys, time
while "heard.capture.devices" in sys.orig_argv and not os.path.exists({path!r}):
    time.sleep(0.01)
"""


def test_capture_answers_and_captures_meanwhile(tmp_path: Path, sound_server: SoundServer) -> None:
    """Two who ask at the same time share one look; a file plays on in real time."""
    path, go_on = write_wav(tmp_path / "long.wav", noise(30)), tmp_path / "go-on"
    (tmp_path / "sitecustomize.py").write_text(HELD.format(path=str(go_on)))
    found = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    with (
        around(Source(input="file", path=str(path))) as made,
        made.process(env=sound_server.environment() | {"PYTHONPATH": found}),
    ):
        made.until_sample(RATE_HZ // 4)
        first, second = made.give("devices"), made.give("devices")
        # Were it waited for, no more audio would come.
        asked_at = time.time()
        made.until_time(asked_at + 0.5)
        assert not {first, second} & made.answers.keys()
        go_on.touch()
        made.until(lambda: {first, second} <= made.answers.keys(), "the answers")
        rows = made.answers[first].result["devices"]
        assert isinstance(rows, list)
        assert rows[0]["name"] == "room.monitor"
        assert made.answers[second].result["devices"] == rows
