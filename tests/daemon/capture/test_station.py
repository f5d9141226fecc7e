"""A station's accounts: whatever an input does, every second is captured, muted or a gap."""

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from heard.capture.lost import InputLostError, MovedError
from heard.capture.record import Place
from heard.capture.source import Exhausted, Heard, Now
from heard.capture.station import ACCOUNT_LAG_S, RETRY_S, State, Station
from heard.settings import Source
from heard.wire.audio import End
from heard.wire.codec import Body, take
from heard.wire.topics import Topic

from .made import buffer_for, record_in, sent_by, track_in
from .test_files import at

RATE_HZ = 16_000
RETENTION = 60 * RATE_HZ
TICK_S = 0.02
DEVICE_LATENCY_S = 0.03


class Card:
    """Stands in for a sound card: `working` says whether it delivers, `fault` what it says if it does not."""

    label = opened = "card"
    kind: Literal["input", "monitor"] = "input"
    rate_hz = 48_000
    goes_on = True
    ended = False
    clipped = 0
    place = Place()

    def __init__(self) -> None:
        self.working = True
        self.fault = InputLostError("no audio for 800 ms")
        self.amplitude = 1000
        self.stale_s = 0.0
        """So much of what it heard before it was opened comes first."""
        self.lost_s = 0.0
        self.started_at: float | None = None
        self.delivered_to = 0.0
        self.opening = False

    def start(self, now: Now) -> None:
        """Begin to deliver."""
        self.started_at, self.opening = now.utc, True
        self.delivered_to = now.utc - self.stale_s

    def read(self, now: Now, room: int) -> list[Heard]:  # noqa: ARG002  # a device cannot wait
        """Return what was heard up to the latency ago."""
        if not self.working:
            raise self.fault
        self.opening = False
        start = self.delivered_to + self.lost_s
        samples = round((now.utc - DEVICE_LATENCY_S - start) * RATE_HZ)
        if samples <= 0:
            return []
        heard = Heard(np.full(samples, self.amplitude, dtype=np.int16), start, self.lost_s)
        self.delivered_to, self.lost_s = start, 0.0
        self.delivered_to += samples / RATE_HZ
        return [heard]

    def skip(self, now: Now) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Let go."""
        self.started_at = None


class Scene:
    """A station on a card, and what it published."""

    def __init__(self, buffer: bytearray, *, muted: bool = False, start_s: float = 0.0) -> None:
        self.card = Card()
        self.published: list[tuple[Topic, Body]] = []
        self.seconds = start_s
        self.buffer = buffer
        self.track = track_in(buffer, retention=RETENTION)
        self.station = Station(
            Source(),
            self.card,
            self.track,
            retention_s=60,
            muted=muted,
            publish=lambda topic, _, body: self.published.append((topic, body)),
        )
        self.station.open(self.now)

    @property
    def now(self) -> Now:
        """The moment."""
        return at(self.seconds)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK_S)):
            self.seconds += TICK_S
            self.station.tick(self.now)
            self.track.commit()
            assert record_in(self.buffer) == self.track.record, "what changed was told to the track"

    def said(self) -> list[object]:
        """Return the source's events."""
        return [body["event"] for topic, body in self.published if topic is Topic.SOURCE]

    def gaps(self) -> list[tuple[object, object]]:
        """Return reason and length of every gap told."""
        return [(body["reason"], body["samples"]) for topic, body in self.published if topic is Topic.GAP]

    def accounted_s(self) -> float:
        """Return the seconds in the ledger."""
        ledger = self.track.record.ledger
        return (ledger.captured + ledger.muted + sum(ledger.gaps.values())) / RATE_HZ


@pytest.fixture(name="buffer")
def _buffer() -> bytearray:
    return buffer_for(RETENTION)


def test_a_working_device_is_live_from_its_first_sample(buffer: bytearray) -> None:
    """Not before: until then nothing says that it is there."""
    scene = Scene(buffer)
    assert (scene.station.state, scene.station.settled) == (State.LOST, False)
    scene.run(1)
    assert (scene.station.state, scene.station.settled, scene.said()) == (State.LIVE, True, ["live"])
    assert scene.track.record.ledger.gaps == {}
    assert scene.station.status()["level_dbfs"] == pytest.approx(-30.31, abs=0.01)


def test_a_loss_is_counted_while_it_lasts_and_told_when_it_ends(buffer: bytearray) -> None:
    """Tried again once a second; its gap reaches from the last sample to the next."""
    scene = Scene(buffer)
    scene.run(1)
    scene.card.working = False
    scene.run(3)
    assert (scene.station.state, scene.said()) == (State.LOST, ["live", "lost"])
    assert scene.accounted_s() == pytest.approx(4 - ACCOUNT_LAG_S, abs=0.1)
    scene.card.working = True
    scene.run(RETRY_S + 1)
    assert scene.said() == ["live", "lost", "live"]
    ((reason, samples),) = scene.gaps()
    assert reason == "device-lost"
    assert samples == pytest.approx(scene.track.record.ledger.gaps["device-lost"], abs=1)
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)
    assert [block.end for block in sent_by(scene.track) if block.end] == [End.LOST]


def test_a_device_that_is_not_there_at_the_start(buffer: bytearray) -> None:
    """It is lost once, however often it is tried; the station is settled; its time is a gap."""
    scene = Scene(buffer)
    scene.card.working = False
    scene.run(3)
    assert (scene.said(), scene.station.settled) == (["lost"], True)
    assert scene.accounted_s() == pytest.approx(3 - ACCOUNT_LAG_S, abs=0.1)
    scene.card.working = True
    scene.run(2)
    assert scene.said() == ["lost", "live"]
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)


def test_muted_time_is_no_gap_and_a_gap_no_muted_time(buffer: bytearray) -> None:
    """Live, muted, unmuted while the device is away, lost, muted again, unmuted, live."""
    scene = Scene(buffer)
    scene.run(1)
    scene.station.mute(scene.now)
    assert scene.card.started_at is None
    scene.run(2)
    assert scene.card.started_at is None
    scene.card.working = False
    scene.station.unmute(scene.now)
    scene.run(3)
    assert scene.station.state is State.LOST
    scene.station.mute(scene.now)
    scene.run(4)
    scene.card.working = True
    scene.station.unmute(scene.now)
    scene.run(1)
    ledger = scene.track.record.ledger
    assert ledger.muted / RATE_HZ == pytest.approx(6, abs=0.15)
    assert ledger.gaps["device-lost"] / RATE_HZ == pytest.approx(3, abs=0.15)
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)
    assert scene.said() == ["live", "muted", "unmuted", "lost", "muted", "unmuted", "live"]
    assert [reason for reason, _ in scene.gaps()] == ["device-lost"]


def test_an_overrun_is_counted_with_its_length(buffer: bytearray) -> None:
    """In the same segment: the numbers go on, the time jumps."""
    scene = Scene(buffer)
    scene.run(1)
    scene.card.lost_s = 0.25
    scene.run(1)
    assert scene.gaps() == [("xrun", RATE_HZ // 4)]
    assert scene.station.status()["xruns"] == 1
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)
    assert {block.segment for block in sent_by(scene.track)} == {0}


@pytest.mark.parametrize("muted", [False, True])
def test_a_killed_process_leaves_a_gap_and_mute_outlives_it(buffer: bytearray, *, muted: bool) -> None:
    """Nothing of the time between is forgotten."""
    scene = Scene(buffer)
    scene.run(1)
    if muted:
        scene.station.mute(scene.now)
        scene.run(1)
    away = scene.seconds + 2.0
    scene = Scene(buffer, muted=muted, start_s=away)
    scene.run(1)
    if muted:
        assert (scene.station.state, scene.card.started_at) == (State.MUTED, None)
        scene.station.unmute(scene.now)
        scene.run(1)
    ledger = scene.track.record.ledger
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)
    if muted:
        assert ledger.gaps == {}
    else:
        assert ledger.gaps["capture-restart"] / RATE_HZ == pytest.approx(2.0, abs=0.05)
        assert scene.gaps() == [("capture-restart", ledger.gaps["capture-restart"])]


def test_a_stop_closes_the_device_and_ends_the_segment(buffer: bytearray) -> None:
    """And nothing reopens it."""
    scene = Scene(buffer)
    scene.run(1)
    scene.station.stop()
    captured = scene.track.next
    scene.station.unmute(scene.now)
    scene.run(2)
    assert (scene.card.started_at, scene.track.next) == (None, captured)
    assert sent_by(scene.track)[-1].end is End.SHUTDOWN


def test_an_exhausted_input_ends_its_source(buffer: bytearray, tmp_path: Path) -> None:
    """A file that vanished while the process was restarted."""
    track = track_in(buffer, retention=RETENTION)
    source = Source(input="file", path=str(tmp_path / "gone.wav"))
    station = Station(source, Exhausted("gone"), track, retention_s=60, muted=False, publish=lambda *_: None)
    station.open(at(0))
    station.tick(at(0.1))
    assert station.state is State.ENDED
    assert sent_by(track)[-1].end is End.ENDED


def test_a_device_is_opened_anew_after_the_machine_slept(buffer: bytearray) -> None:
    """At once; the time that it slept is a gap, and the detail says what happened."""
    scene = Scene(buffer)
    scene.run(1)
    scene.seconds += 30
    scene.station.wake(30.0, scene.now)
    assert scene.card.started_at is None
    scene.run(1)
    assert scene.said() == ["live", "lost", "live"]
    details = [body["detail"] for topic, body in scene.published if topic is Topic.SOURCE]
    assert details[1] == "the machine was asleep for 30.0 s"
    ((reason, samples),) = scene.gaps()
    assert reason == "device-lost"
    assert samples == pytest.approx(30 * RATE_HZ, abs=0.05 * RATE_HZ)
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)


def test_sleep_does_not_open_a_muted_device(buffer: bytearray) -> None:
    """Nothing but unmute does."""
    scene = Scene(buffer)
    scene.run(1)
    scene.station.mute(scene.now)
    scene.seconds += 30
    scene.station.wake(30.0, scene.now)
    scene.run(1)
    assert scene.card.started_at is None
    assert scene.said() == ["live", "muted"]


def test_another_default_is_opened_at_once(buffer: bytearray) -> None:
    """Whoever has moved is back without the wait that a lost device takes."""
    scene = Scene(buffer)
    scene.run(1)
    scene.card.fault = MovedError("one is not the default input any more: two is")
    scene.card.working = False
    scene.run(TICK_S)
    scene.card.working = True
    scene.run(0.2)
    assert scene.said() == ["live", "lost", "live"]
    ((_, samples),) = scene.gaps()
    assert take(scene.published[1][1], "detail", str) == "one is not the default input any more: two is"
    assert isinstance(samples, int)
    assert samples < 0.2 * RATE_HZ


def test_a_stale_burst_after_a_loss_is_not_counted_twice(buffer: bytearray) -> None:
    """What a hung server delivers of time that stands on the ledger as a gap stays a gap."""
    scene = Scene(buffer)
    scene.run(1)
    scene.card.working = False
    scene.run(8)
    scene.card.working, scene.card.stale_s = True, 7.0
    scene.run(3)
    assert scene.said() == ["live", "lost", "live"]
    assert scene.accounted_s() == pytest.approx(scene.seconds, abs=0.05)
    ((reason, samples),) = scene.gaps()
    assert (reason, samples) == ("device-lost", scene.track.record.ledger.gaps["device-lost"])
    blocks = sent_by(scene.track)
    after = next(block for block in blocks if block.segment == 1)
    before = [block for block in blocks if block.segment == 0][-1]
    missing = after.time - before.time - before.samples / RATE_HZ
    assert samples == pytest.approx(missing * RATE_HZ, abs=2)


def test_a_verdict_is_told_once_and_ends_with_a_loss(buffer: bytearray) -> None:
    """It stands in the status meanwhile; who is muted is not told of silence."""
    scene = Scene(buffer)
    scene.card.amplitude = 0
    scene.run(3)
    assert scene.said() == ["live", "verdict"]
    body = scene.published[-1][1]
    assert (body["verdict"], body["event"]) == ("digital-silence", "verdict")
    assert scene.station.status()["verdicts"] == ["digital-silence"]
    scene.card.amplitude = 1000
    scene.run(1)
    assert scene.said() == ["live", "verdict", "verdict-over"]
    scene.card.amplitude = 0
    scene.run(4)
    assert scene.station.status()["verdicts"] == ["digital-silence"]
    scene.station.mute(scene.now)
    scene.run(4)
    assert scene.station.status()["verdicts"] == []
    assert scene.said()[-1] == "muted"
