"""`heard bridge nats` before a real NATS server."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig

from heard.bridges.jetstream import covers

from ...support.far_sides import LOCALHOST, Server, nats_server, stream_messages
from ...support.poll import until
from .running import WAIT_S, bridge, complained, daemon, kept, say, status

SUBSCRIPTIONS = 4


def texts(server: Server, subject: str) -> list[str]:
    return [body["text"] for where, _, body in stream_messages(server.port) if where == subject]


def test_finals_survive_the_server_and_the_bridge(tmp_path: Path) -> None:
    """The server is killed and comes back, the bridge is killed and goes on: each final once in the stream.

    Also those that the bridge delivers twice, since its place was put back: the stream knows them by turn_id.
    """
    with daemon(tmp_path) as it, nats_server(tmp_path) as server:
        url = f"nats://127.0.0.1:{server.port}"
        place = tmp_path / "state" / "bridges" / "nats.json"
        with bridge(tmp_path, "nats", url) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            complained(child, "connected")
            say(it, "mic", "1")
            until(lambda: '"transcript.final.mic": 1' in kept(tmp_path, "nats"), WAIT_S, child.tail())
            early = place.read_text()
            say(it, "mic", "2")
            until(lambda: '"transcript.final.mic": 2' in kept(tmp_path, "nats"), WAIT_S, child.tail())
            server.stop(signal.SIGKILL)
            complained(child, "nothing is lost")
            say(it, "mic", "3")
            say(it, "mic", "4", dropped=True)
            status(it, mic="live")
            server.start()
            until(lambda: '"transcript.final.mic": 4' in kept(tmp_path, "nats"), WAIT_S, child.tail())
            child.kill()
        place.write_text(early)
        say(it, "mic", "5")
        with bridge(tmp_path, "nats", url) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            say(it, "mic", "6")
            until(lambda: '"transcript.final.mic": 6' in kept(tmp_path, "nats"), WAIT_S, child.tail())
            assert child.terminate() == 0
            assert "5 delivered" in child.complained()
        found = stream_messages(server.port)
    assert [body["text"] for _, _, body in found] == ["1", "2", "3", "4", "5", "6"]
    subject, headers, body = found[0]
    assert subject == "heard.mic.final"
    assert headers["Nats-Msg-Id"] == body["turn_id"] == "1"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.slow
def test_a_server_without_jetstream_is_told(tmp_path: Path) -> None:
    """What is to be done is in the line."""
    with (
        daemon(tmp_path),
        nats_server(tmp_path, jetstream=False) as server,
        bridge(tmp_path, "nats", f"nats://127.0.0.1:{server.port}") as child,
    ):
        assert child.wait(WAIT_S) == 1
        assert "start it with -js" in child.complained()


@pytest.mark.slow
def test_credentials_are_refused_or_taken(tmp_path: Path) -> None:
    """4 at the start; a token in a variable opens the door."""
    with daemon(tmp_path) as it, nats_server(tmp_path, "--auth", "canary-token") as server:
        url = f"nats://127.0.0.1:{server.port}"
        with bridge(tmp_path, "nats", url) as child:
            assert child.wait(WAIT_S) == 4
            assert "refuses these credentials" in child.complained()
        with bridge(tmp_path, "nats", url, env={"HEARD_NATS_TOKEN": "canary-token"}) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            complained(child, "connected")
            assert child.terminate() == 0
            assert "canary" not in child.complained()


@pytest.mark.slow
def test_tls_is_checked(tmp_path: Path) -> None:
    """Against the authority that is named; without it the machine's do not know this one."""
    tls = ["--tls", "--tlscert", str(LOCALHOST), "--tlskey", str(LOCALHOST)]
    with daemon(tmp_path) as it, nats_server(tmp_path, *tls) as server:
        url = f"tls://localhost:{server.port}"
        with bridge(tmp_path, "nats", url) as child:
            complained(child, "certificate")
        with bridge(tmp_path, "nats", url, "--tls-ca", str(LOCALHOST)) as child:
            complained(child, "connected")
            it.await_subscriptions(2 * SUBSCRIPTIONS)
            say(it, "mic", "1")
            until(lambda: '"transcript.final.mic": 1' in kept(tmp_path, "nats"), WAIT_S, child.tail())


@pytest.mark.slow
def test_a_stream_for_other_subjects_is_not_taken_over(tmp_path: Path) -> None:
    """Finals would be in no stream: the line says which subjects are missing."""

    async def make(port: int) -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        await client.jetstream().add_stream(StreamConfig(name="HEARD", subjects=["heard.*.final"]))
        await client.close()

    with daemon(tmp_path), nats_server(tmp_path) as server:
        asyncio.run(make(server.port))
        with bridge(tmp_path, "nats", f"nats://127.0.0.1:{server.port}") as child:
            assert child.wait(WAIT_S) == 2
            assert "and not heard.*.revised" in child.complained()


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("heard.>", "heard.*.final", True),
        (">", "heard.*.final", True),
        ("heard.*.final", "heard.*.final", True),
        ("heard.*.*", "heard.*.final", True),
        ("heard.mic.final", "heard.*.final", False),
        ("heard.*", "heard.*.final", False),
        ("heard.*.final.>", "heard.*.final", False),
        ("calls.>", "heard.*.final", False),
    ],
)
def test_subjects_that_a_pattern_takes(pattern: str, subject: str, expected: bool) -> None:
    """`*` is one token, `>` is one or more at the end."""
    assert covers(pattern, subject) is expected
