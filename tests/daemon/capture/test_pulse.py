"""A real PulseAudio server: its sources by name, and streams that stay at the source they were opened for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from heard.capture.lost import InputLostError
from heard.capture.pulse import NoServerError, Recording, Server

from ...support.sound_server import SoundServer, sound_server

LIMIT_S = 5.0


@pytest.fixture(name="two_rooms")
def _two_rooms(monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    """Run a server with two outputs, which is the one that this process talks to."""
    with sound_server(("room", "hall")) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server


def recording(server: Server, name: str) -> Recording:
    (source,) = [source for source in server.sources(LIMIT_S) if source.name == name]
    return server.record(source, 16_000, LIMIT_S)


def heard(stream: Recording, seconds: float) -> bytes:
    until, data = time.monotonic() + seconds, b""
    while time.monotonic() < until:
        data += b"".join(pcm for pcm, _ in stream.read(0.1))
    return data


def test_sources_have_their_names_and_kinds(two_rooms: SoundServer) -> None:
    """A null sink's monitor, with its rate and channels; the first is the default."""
    server = Server(LIMIT_S)
    found = {source.name: source for source in server.sources(LIMIT_S)}
    assert set(found) == {"room.monitor", "hall.monitor"}
    assert found["hall.monitor"].monitor
    assert found["hall.monitor"].description == "Monitor of hall"
    assert (found["hall.monitor"].rate_hz, found["hall.monitor"].channels) == (two_rooms.rate_hz, 1)
    assert server.default_source(LIMIT_S) == "room.monitor"
    two_rooms.control("set-default-source", "hall.monitor")
    assert server.default_source(LIMIT_S) == "hall.monitor"
    server.close()


def test_a_stream_delivers_at_the_asked_rate(two_rooms: SoundServer) -> None:  # it runs
    """A second of it has about a second of frames."""
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    heard(stream, 0.2)
    assert len(heard(stream, 1.0)) / 2 == pytest.approx(16_000, rel=0.1)
    stream.close()
    server.close()


def test_a_source_that_goes_away_ends_its_stream(two_rooms: SoundServer) -> None:
    """Where a rescue would move it to the other source, which is a microphone that nobody chose."""
    two_rooms.control("load-module", "module-rescue-streams")
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    heard(stream, 0.1)
    two_rooms.unplug("room")
    with pytest.raises(InputLostError, match=r"room\.monitor: the device is gone"):
        heard(stream, 2)
    assert [source.name for source in server.sources(LIMIT_S)] == ["hall.monitor"]
    server.close()


def test_a_suspended_source_says_so(two_rooms: SoundServer) -> None:
    """It delivers nothing until it is resumed."""
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    heard(stream, 0.1)
    two_rooms.suspend(True)
    heard(stream, 0.3)
    assert stream.suspended
    two_rooms.suspend(False)
    assert len(heard(stream, 0.5)) > 0
    assert not stream.suspended
    server.close()


def test_a_server_that_dies_hangs_or_is_not_there(two_rooms: SoundServer) -> None:
    """Each is told apart: gone, does not answer, nobody listens."""
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    two_rooms.freeze()
    with pytest.raises(InputLostError, match="does not answer"):
        Server(0.3)
    two_rooms.thaw()
    two_rooms.kill()
    with pytest.raises(InputLostError, match="the sound server is gone"):
        heard(stream, 2)
    server.close()
    with pytest.raises(NoServerError, match="Connection refused"):
        Server(LIMIT_S)


def test_a_tone_is_heard_where_it_is_played(two_rooms: SoundServer) -> None:
    """A monitor is what it says: one output's sound, and nothing of the other's."""
    with two_rooms.sounding(440.0, "hall"):
        server = Server(LIMIT_S)
        levels = {}
        for name in ("room.monitor", "hall.monitor"):
            stream = recording(server, name)
            heard(stream, 0.5)
            levels[name] = np.abs(np.frombuffer(heard(stream, 0.5), "<i2").astype(int)).max()
            stream.close()
        server.close()
    assert levels["room.monitor"] == 0
    assert levels["hall.monitor"] > 1000
