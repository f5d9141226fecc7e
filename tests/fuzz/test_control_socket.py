"""The real daemon's control socket under fire: it goes on answering, and loses nothing."""

from __future__ import annotations

from itertools import islice
from random import Random

import msgpack
import pytest
import zmq

from heard.wire.codec import MAX_MESSAGE_BYTES

from ..support.corpus import utterance
from ..system.running import daemon
from .inputs import inputs

SPOKEN = "arctic-aew-a0003"
REQUESTS = 3000
KINDS = (zmq.DEALER, zmq.REQ)


@pytest.mark.slow
def test_a_daemon_under_fire_goes_on() -> None:
    """Thousands of torn requests, several frames, sizes around the limit, clients that do not read."""
    random = Random(1)
    source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with daemon([source]) as heard:
        heard.wait_ready()
        before = heard.status()
        endpoint = f"ipc://{heard.folder}/control"
        fire = context.socket(zmq.DEALER)
        fire.setsockopt(zmq.LINGER, 0)
        fire.connect(endpoint)
        # What is understood and would end the daemon, or the source's sound, is left out.
        ends = (b"stop", b"mute", b"set")
        data = [
            each for each in islice(inputs("control", 3), 2 * REQUESTS) if not any(e in each for e in ends)
        ]
        for number, each in enumerate(data[:REQUESTS]):
            frames = [each] if number % 5 else [*random.sample(data, random.randrange(4)), each]
            fire.send_multipart(frames)
            while fire.poll(0):
                reply = msgpack.unpackb(fire.recv_multipart()[-1], strict_map_key=False)
                assert reply["ok"] in (True, False)
        for size in (MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1, 8 * MAX_MESSAGE_BYTES):
            fire.send(bytes(size))
        for kind in KINDS:
            with context.socket(kind) as gone:
                gone.setsockopt(zmq.LINGER, 0)
                gone.connect(endpoint)
                gone.send(b"\x84\xa1v\x01\xa2id\x01\xa2op\xa6status\xa4args\x80")
        after = heard.status()
        heard.until(
            lambda: heard.status()["processes"]["supervise"]["counters"]["refused_requests"] > REQUESTS // 4,
            20,
            "requests to be refused",
        )
        assert after["state"] == "ready"
        assert {name: p["pid"] for name, p in after["processes"].items()} == {
            name: p["pid"] for name, p in before["processes"].items()
        }
        grown = after["processes"]["supervise"]["rss_bytes"] - before["processes"]["supervise"]["rss_bytes"]
        assert grown < 64 << 20
        context.destroy(linger=0)
        heard.ask("stop")
        assert heard.child.wait(15) == 0
        assert "Traceback" not in heard.child.complained()
