"""A real PulseAudio server: its sources by name, and streams that stay at the source they were opened for."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from heard.capture.lost import InputLostError
from heard.capture.pulse import NoServerError, Recording, Server

from ...support.poll import until
from ...support.sound_server import SoundServer, sound_server

LIMIT_S = 30.0
Samples = npt.NDArray[np.int16]


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
    stop, data = time.monotonic() + seconds, b""
    while time.monotonic() < stop:
        data += b"".join(pcm for pcm, _ in stream.read(0.1))
    return data


def at_least(stream: Recording, frames: int) -> Samples:
    """Return so many frames, or some more."""
    data = bytearray()

    def enough() -> bool:
        data.extend(heard(stream, 0.1))
        return len(data) >= 2 * frames

    until(enough, LIMIT_S, f"{frames} frames")
    return np.frombuffer(bytes(data), "<i2")


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


def test_a_stream_delivers_at_the_asked_rate(two_rooms: SoundServer) -> None:
    """A tone has its pitch, whatever the rate of the source is."""
    server = Server(LIMIT_S)
    with two_rooms.sounding(440.0, "room"):
        stream = recording(server, "room.monitor")
        tone = np.zeros(0, dtype=np.int16)

        def sounds() -> bool:
            # The player may come late, and leave silence.
            nonlocal tone
            tone = at_least(stream, 8_000)[:8_000]
            return all(np.abs(part.astype(int)).max() > 1000 for part in np.split(tone, 10))

        until(sounds, LIMIT_S, "the tone")
        stream.close()
    server.close()
    assert np.abs(np.fft.rfft(tone)).argmax() * 2 == pytest.approx(440, abs=10)


def test_a_source_that_goes_away_ends_its_stream(two_rooms: SoundServer) -> None:
    """Where a rescue would move it to the other source, which is a microphone that nobody chose."""
    two_rooms.control("load-module", "module-rescue-streams")
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    heard(stream, 0.1)
    two_rooms.unplug("room")
    with pytest.raises(InputLostError, match=r"room\.monitor: the device is gone"):
        heard(stream, LIMIT_S)
    assert [source.name for source in server.sources(LIMIT_S)] == ["hall.monitor"]
    server.close()


def test_a_suspended_source_says_so(two_rooms: SoundServer) -> None:
    """It delivers nothing until it is resumed."""
    server = Server(LIMIT_S)
    stream = recording(server, "room.monitor")
    heard(stream, 0.1)
    two_rooms.suspend(True)
    until(lambda: (heard(stream, 0.1), stream.suspended)[1], LIMIT_S, "the sign")
    two_rooms.suspend(False)
    assert len(at_least(stream, 100)) > 0
    until(lambda: (heard(stream, 0.1), not stream.suspended)[1], LIMIT_S, "the sign to go")
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
        heard(stream, LIMIT_S)
    server.close()
    with pytest.raises(NoServerError, match="Connection refused"):
        Server(LIMIT_S)


def test_a_tone_is_heard_where_it_is_played(two_rooms: SoundServer) -> None:
    """A monitor is what it says: one output's sound, and nothing of the other's."""
    with two_rooms.sounding(440.0, "hall"):
        server = Server(LIMIT_S)
        hall, room = recording(server, "hall.monitor"), recording(server, "room.monitor")
        until(lambda: np.abs(at_least(hall, 800).astype(int)).max() > 1000, LIMIT_S, "the tone")
        assert np.abs(at_least(room, 8_000).astype(int)).max() == 0
        server.close()
