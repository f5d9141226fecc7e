"""The list of devices for a client: from a process of its own, which nobody waits for, and not for ever."""

from __future__ import annotations

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


def result(listing: Listing) -> list[Body]:
    """Wait for the devices."""
    found: list[list[Body]] = []

    def asked() -> bool:
        rows = listing.result(time.monotonic())
        if rows is not None:
            found.append(rows)
        return rows is not None

    until(asked, LIMIT_S, "the devices")
    return found[0]


def test_the_devices_are_found(here: SoundServer) -> None:  # it runs
    """The sound server's, and those that only PortAudio knows."""
    names = [row["name"] for row in result(Listing(time.monotonic()))]
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
    until(lambda: listing._child.poll() is not None, 5, "its end")
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
        result(Listing(time.monotonic()))


def test_capture_answers_and_captures_meanwhile(tmp_path: Path, sound_server: SoundServer) -> None:
    """Two who ask at the same time share one look; a file plays on in real time."""
    path = write_wav(tmp_path / "long.wav", noise(20))
    with (
        around(Source(input="file", path=str(path))) as made,
        made.process(env=sound_server.environment()),
    ):
        made.until_sample(RATE_HZ // 4)
        began, before = time.monotonic(), made.blocks[-1].stop
        rows = made.order("devices").result["devices"]
        assert isinstance(rows, list)
        assert rows[0]["name"] == "room.monitor"
        elapsed_s = time.monotonic() - began
        made.until_sample(before + int(elapsed_s * RATE_HZ))
        assert (made.blocks[-1].stop - before) / RATE_HZ == pytest.approx(time.monotonic() - began, abs=0.3)
