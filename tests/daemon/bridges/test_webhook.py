"""`heard bridge webhook` before a real HTTP server, which checks signatures by the scheme's own library."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heard.bridges.delivery import Delivery
from heard.bridges.webhook import envelope, retry_after_s

from ...support.far_sides import Receiver, receiver
from ...support.poll import until
from .running import SECRET, WAIT_S, bridge, complained, daemon, kept, say, status

SUBSCRIPTIONS = 4


def texts(server: Receiver) -> list[str]:
    """Return what was said, in order; what came again (an answer was lost) once."""
    return list(dict.fromkeys(body["data"]["text"] for body in server.taken))


def test_finals_survive_the_receiver_and_the_bridge(tmp_path: Path) -> None:
    """It is away, then overloaded, then the bridge is killed: each final once, in order, by its id."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    with daemon(tmp_path) as it, receiver(SECRET) as server:
        options = [server.url, "--secret-file", str(secret)]
        with bridge(tmp_path, "webhook", *options) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            status(it, mic="live")
            say(it, "mic", "1")
            until(lambda: texts(server) == ["1"], WAIT_S, child.tail())
            server.stop()
            say(it, "mic", "2")
            complained(child, "nothing is lost")
            say(it, "mic", "3", dropped=True)
            status(it, mic="live")
            server.answers[:] = [503]
            server.start()
            until(lambda: texts(server) == ["1", "2", "3"], WAIT_S, child.tail())
            until(lambda: '"transcript.final.mic": 3' in kept(tmp_path, "webhook"), WAIT_S, child.tail())
            child.kill()
        say(it, "mic", "4")
        with bridge(tmp_path, "webhook", *options) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            say(it, "mic", "5")
            until(lambda: len(texts(server)) == 5, WAIT_S, child.tail())
            child.signal(signal.SIGINT)
            assert child.wait(WAIT_S) == 130
    assert texts(server) == ["1", "2", "3", "4", "5"]
    assert [status for turn_id, status in server.attempts if turn_id == "2"][:2] == [503, 204]
    body = server.taken[0]
    assert (body["type"], body["timestamp"]) == ("transcript.final", "2023-11-14T22:13:20.000Z")
    assert body["data"]["turn_id"] == server.headers[0]["webhook-id"] == "1"
    assert server.headers[0]["user-agent"].startswith("heard/")


@pytest.mark.slow
def test_what_the_receiver_refuses_is_given_up_and_said(tmp_path: Path) -> None:
    """A 4xx ends the attempts for that final, and what follows goes on; other headers are sent as wanted."""
    env = {"HEARD_WEBHOOK_SECRET": SECRET, "HEARD_WEBHOOK_HEADER": "Authorization: Bearer canary"}
    with (
        daemon(tmp_path) as it,
        receiver(SECRET) as server,
        bridge(tmp_path, "webhook", server.url, env=env) as child,
    ):
        it.await_subscriptions(SUBSCRIPTIONS)
        server.answers[:] = [422]
        say(it, "mic", "1", "2")
        complained(child, "final of mic, turn 1, is given up: 127.0.0.1 answers 422")
        until(lambda: texts(server) == ["2"], WAIT_S, child.tail())
        assert server.headers[-1]["authorization"] == "Bearer canary"
        assert child.terminate() == 0
        assert "1 delivered, 1 refused" in child.complained()
        assert "canary" not in child.complained()


@pytest.mark.slow
def test_other_credentials_are_asked_for_and_nothing_is_lost(tmp_path: Path) -> None:
    """A 401 at the start ends it with 4; the final comes with the next start. Later it is tried again."""
    env = {"HEARD_WEBHOOK_SECRET": SECRET}
    with daemon(tmp_path) as it, receiver(SECRET) as server:
        with bridge(tmp_path, "webhook", server.url, env=env) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            status(it, mic="live")
            until(lambda: kept(tmp_path, "webhook"), WAIT_S, "the place before the first final")
            server.answers[:] = [401]
            say(it, "mic", "1")
            assert child.wait(WAIT_S) == 4
            assert "wants other credentials" in child.complained()
        with bridge(tmp_path, "webhook", server.url, env=env) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            status(it, mic="live")
            until(lambda: texts(server) == ["1"], WAIT_S, child.tail())
            server.answers[:] = [401]
            say(it, "mic", "2")
            until(lambda: texts(server) == ["1", "2"], WAIT_S, child.tail())
            assert "answers 401 Unauthorized; trying again" in child.complained()


def test_an_envelope_has_type_time_and_data() -> None:
    """As Standard Webhooks recommends; the data are what was published."""
    body = json.dumps({"text": "„ja“", "turn_id": "t"}, ensure_ascii=False).encode()
    item = Delivery("k", "t", "revised", "mic", "run", 1, 1_700_000_000.5, body)
    assert json.loads(envelope(item)) == {
        "type": "transcript.revised",
        "timestamp": "2023-11-14T22:13:20.500Z",
        "data": {"text": "„ja“", "turn_id": "t"},
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, 0), ("120", 120), (" 7 ", 7), ("Tue, 14 Nov 2023 22:14:20 GMT", 60), ("yesterday", 0), ("-3", 0)],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, expected: float) -> None:
    """RFC 9110, 10.2.3; a date that has passed, or nonsense, asks for nothing."""
    assert retry_after_s(value, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp()) == expected
