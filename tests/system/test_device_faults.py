"""Devices that come and go, on a real sound server: noticed, measured, and heard again; never another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ..support.sound_server import SoundServer, sound_server
from .device_faults import (
    DEVICE,
    FAULTS,
    NOTICED_S,
    PATIENT,
    RATE_HZ,
    RECOVERED_S,
    WAIT_S,
    Fault,
    first,
    listening,
    outage,
)
from .running import Daemon

WITHIN_S = 0.05
"""A gap is known to this."""
LATENCY_S = 0.15
"""What a device's buffers, a stall's last samples and the commands of a test may add."""
MIC: dict[str, object] = {"name": "mic", "device": DEVICE, "rate_hz": RATE_HZ}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_lost_device_is_noticed_measured_and_heard_again(fault: Fault) -> None:
    """Twice in a row. Another microphone is there all the time, sounds, and is not heard."""
    with (
        sound_server(("room", "hall")) as server,
        listening(server, MIC) as heard,
    ):
        if fault.name != "server killed":
            server.control("load-module", "module-rescue-streams")
        for _ in range(2):
            outcome = outage(heard, server, fault)
            assert outcome.noticed_s is not None
            assert outcome.noticed_s <= NOTICED_S
            assert outcome.recovered_s is not None
            assert outcome.recovered_s <= RECOVERED_S
            assert outcome.heard == 0
            check_gap(heard, outcome.gap, outcome.caused_at)
        check_account(heard)
        assert heard.source("mic")["ledger"]["dropped"] == {}


def check_gap(heard: Daemon, gap: dict[str, object] | None, caused_at: tuple[float, float]) -> None:
    """Check that it begins with the fault, has the length that its times say, and is on the ledger."""
    assert gap is not None
    start, end, samples = gap["start"], gap["end"], gap["samples"]
    assert isinstance(start, float)
    assert isinstance(end, float)
    assert isinstance(samples, int)
    assert gap["reason"] == "device-lost"
    assert caused_at[0] - LATENCY_S <= start <= caused_at[1] + LATENCY_S
    assert samples == pytest.approx((end - start) * RATE_HZ, abs=2)
    told = sum(body["samples"] for body in heard.bodies("gap.mic"))
    # The report may come behind the message.
    heard.until(
        lambda: heard.source("mic")["ledger"]["gaps"] == {"device-lost": pytest.approx(told, abs=4)},
        WAIT_S,
        f"{told} samples on the ledger",
    )


def check_account(heard: Daemon) -> None:
    """All time since the source began is captured or a gap, to 50 ms, but for what is under way."""
    asked = time.time()
    mic = heard.source("mic")
    answered = time.time()
    accounted_s = (mic["ledger"]["captured"] + sum(mic["ledger"]["gaps"].values())) / RATE_HZ
    assert asked - mic["started"] - 0.6 <= accounted_s <= answered - mic["started"] + WITHIN_S


@pytest.mark.slow
def test_who_hangs_is_muted_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    """While the sound server hangs a file plays on; mute is answered at once and lets go of the device."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 60 * RATE_HZ), RATE_HZ, subtype="PCM_16")
    file: dict[str, object] = {"name": "file", "input": "file", "path": str(path)}
    with sound_server() as server, listening(server, MIC, file) as heard:
        server.freeze()
        began, captured = time.monotonic(), heard.source("file")["ledger"]["captured"]
        lost = first(heard, "mic", "lost", since=0, limit_s=NOTICED_S + 1)
        assert lost is not None
        heard.listen(7)
        elapsed_s = time.monotonic() - began
        heard_s = (heard.source("file")["ledger"]["captured"] - captured) / RATE_HZ
        assert heard_s == pytest.approx(elapsed_s, abs=0.3)
        asked = time.monotonic()
        assert heard.ask("mute", source="mic") == {"sources": {"mic": "muted"}}
        assert time.monotonic() - asked < 1
        server.thaw()
        heard.until(lambda: server.recorders() == 0, 3, "a closed device")
        heard.listen(2)
        assert server.recorders() == 0
        assert heard.source("mic")["state"] == "muted"
        heard.ask("unmute", source="mic")
        assert first(heard, "mic", "live", since=lost["time"], limit_s=RECOVERED_S) is not None


def test_default_follows_and_a_name_does_not() -> None:
    """Another default: who asked for "default" hears it within moments; who asked by name stays."""
    with sound_server(("room", "hall")) as server:
        default: dict[str, object] = {"name": "default", "device": "default"}
        with (
            listening(server, MIC, default, capture=PATIENT) as heard,
            server.sounding(440.0, "hall"),
        ):
            assert heard.source("default")["device"] == "default"
            assert heard.source("default")["opened"] == "room.monitor"
            before = time.time()
            server.control("set-default-source", "hall.monitor")
            lost = first(heard, "default", "lost", since=before, limit_s=WAIT_S)
            assert lost is not None
            assert lost["detail"] == "room.monitor is not the default input any more: hall.monitor is"
            live = first(heard, "default", "live", since=before, limit_s=WAIT_S)
            assert live is not None
            assert live["detail"] == "default (hall.monitor)"
            heard.until(lambda: sounds(heard, "default"), WAIT_S, "the tone")
            assert heard.source("mic")["level_dbfs"] == -120
            events = heard.bodies("source.mic")
            # At the start it may have taken a second try to open it.
            assert [body for body in events if body["event"] == "lost" and body["time"] >= before] == []
            check_zeros(heard)


def sounds(heard: Daemon, name: str) -> bool:
    """Say whether a tone is heard."""
    level = heard.source(name)["level_dbfs"]
    return level is not None and level > -20


def alone(heard: Daemon, loud: str, silent: str) -> bool:
    """Say whether a tone is heard by one source, and nothing at all by the other, at the same time."""
    sources = heard.status()["sources"]
    level = sources[loud]["level_dbfs"]
    return level is not None and level > -20 and sources[silent]["level_dbfs"] == -120


def check_zeros(heard: Daemon) -> None:
    """Nothing plays into the room: that is told once, and stands in the status."""
    heard.until(lambda: heard.source("mic")["verdicts"] == ["digital-silence"], WAIT_S, "the verdict")
    heard.catch_up()
    # It may have been told before anybody was subscribed.
    heard.mend()
    told = [body for body in heard.bodies("source.mic") if body["event"] == "verdict"]
    assert [body["verdict"] for body in told] == ["digital-silence"]
    assert told[0]["detail"] == "only zeros: nothing is playing there"


@pytest.mark.slow
def test_zeros_are_noticed_within_two_seconds() -> None:
    """From the end of the sound to the verdict; when it sounds again the verdict is over."""
    with sound_server() as server, listening(server, MIC) as heard:
        with server.sounding(440.0, "room"):
            heard.until(lambda: sounds(heard, "mic"), 5, "the tone")
            heard.until(lambda: heard.source("mic")["verdicts"] == [], 5, "no verdict")
            ends = time.time()
        verdict = first(heard, "mic", "verdict", since=ends, limit_s=5)
        assert verdict is not None
        assert verdict["time"] - ends <= NOTICED_S
        with server.sounding(440.0, "room"):
            assert first(heard, "mic", "verdict-over", since=verdict["time"], limit_s=5) is not None


def test_each_monitor_is_what_it_says_and_the_list_names_it(two_rooms: SoundServer) -> None:
    """Two monitors in one daemon: the tone that plays into one output is heard on its monitor alone."""
    room: dict[str, object] = {"name": "room", "device": "room.monitor"}
    hall: dict[str, object] = {"name": "hall", "device": "hall.monitor"}
    with listening(two_rooms, room, hall, capture=PATIENT) as heard:
        listed = heard.ask("devices")["devices"]
        monitors = {row["name"]: row["description"] for row in listed if row["kind"] == "monitor"}
        assert monitors["hall.monitor"] == "Monitor of hall"
        for loud, silent in (("room", "hall"), ("hall", "room")):
            with two_rooms.sounding(440.0, loud):
                heard.until(partial(sounds, heard, loud), WAIT_S, f"the tone in {loud}")
                heard.listen(1)
                # What sounded there before may still be on its way.
                heard.until(partial(alone, heard, loud, silent), WAIT_S, f"the tone in {loud} alone")


@pytest.fixture(name="two_rooms")
def _two_rooms() -> Iterator[SoundServer]:
    """Run a server with two outputs."""
    with sound_server(("room", "hall")) as server:
        yield server


@pytest.mark.slow
def test_a_stall_that_is_no_loss_costs_nothing_unaccounted() -> None:
    """The server stands still for half a second: what comes in a burst, or not at all, has its true time."""
    with sound_server() as server, listening(server, MIC) as heard:
        heard.listen(1)
        for _ in range(3):
            server.freeze()
            heard.listen(0.5)
            server.thaw()
            heard.listen(3)
        assert [body["event"] for body in heard.bodies("source.mic")].count("lost") == 0
        check_account(heard)
