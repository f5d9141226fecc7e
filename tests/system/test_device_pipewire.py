"""The same through PipeWire, which speaks PulseAudio's protocol: monitors, devices that come and go."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from ..support.pipewire_server import PipeWireServer, missing, pipewire_server
from .device_faults import DEVICE, FAULTS, NOTICED_S, RATE_HZ, RECOVERED_S, Fault, listening, outage
from .test_device_faults import alone, sounds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing()),
        reason=f"missing: {', '.join(missing())} (packages pipewire-pulse wireplumber dbus-daemon)",
    ),
]
MIC: dict[str, object] = {"name": "mic", "device": DEVICE, "rate_hz": RATE_HZ}


@pytest.fixture(name="two_rooms")
def _two_rooms() -> Iterator[PipeWireServer]:
    """Run PipeWire with two outputs."""
    with pipewire_server(("room", "hall")) as server:
        yield server


def test_each_monitor_is_what_it_says(two_rooms: PipeWireServer) -> None:
    """The tone that plays into one output is heard on its monitor alone; both are listed."""
    hall: dict[str, object] = {"name": "hall", "device": "hall.monitor"}
    with listening(two_rooms, MIC, hall) as heard:
        rows = {row["name"]: row for row in heard.ask("devices")["devices"]}
        assert rows["room.monitor"]["kind"] == rows["hall.monitor"]["kind"] == "monitor"
        assert rows["room.monitor"]["default"]
        for loud, silent in (("mic", "hall"), ("hall", "mic")):
            with two_rooms.sounding(440.0, "room" if loud == "mic" else "hall"):
                heard.until(partial(sounds, heard, loud), 5, f"the tone of {loud}")
                heard.listen(1)
                heard.until(partial(alone, heard, loud, silent), 20, f"the tone of {loud} alone")


@pytest.mark.parametrize("fault", FAULTS[:3], ids=[fault.name for fault in FAULTS[:3]])
def test_a_lost_device_is_noticed_and_heard_again(two_rooms: PipeWireServer, fault: Fault) -> None:
    """Another source is there all the time, and is not heard instead."""
    with listening(two_rooms, MIC) as heard:
        outcome = outage(heard, two_rooms, fault)
        assert outcome.noticed_s is not None
        assert outcome.noticed_s <= NOTICED_S
        assert outcome.recovered_s is not None
        assert outcome.heard == 0
        # A start of PipeWire takes its time before there are sinks again.
        assert outcome.recovered_s <= RECOVERED_S + (4 if fault.name == "server killed" else 0)
        assert outcome.gap is not None
        assert outcome.gap["reason"] == "device-lost"
