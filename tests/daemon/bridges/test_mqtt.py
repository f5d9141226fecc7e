"""`heard bridge mqtt` before a real broker, read by mosquitto's own client."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from ...support.far_sides import LOCALHOST, Json, mosquitto, mosquitto_sub
from ...support.poll import until
from .running import WAIT_S, bridge, complained, daemon, kept, say, status, turn

SUBSCRIPTIONS = 5


def texts(messages: list[Json]) -> list[str]:
    """Return what was said, in order; what came again (an acknowledgement was lost) once."""
    return list(dict.fromkeys(message["payload"]["text"] for message in messages))


def states(messages: list[Json]) -> dict[str, object]:
    """Return what the broker was told to keep: topic → last payload."""
    return {message["topic"]: message["payload"] for message in messages}


def test_finals_survive_the_broker_and_the_bridge(tmp_path: Path) -> None:
    """The broker is away for a while, then the bridge is killed: every final once and in order."""
    with (
        daemon(tmp_path) as it,
        mosquitto(tmp_path) as broker,
        mosquitto_sub(broker.port, "heard/+/final") as messages,
    ):
        url = f"mqtt://127.0.0.1:{broker.port}"
        with bridge(tmp_path, "mqtt", url, "--expiry-s", "600") as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            complained(child, "connected")
            say(it, "mic", "1", "2")
            say(it, "desk", "a")
            until(lambda: len(texts(messages())) == 3, WAIT_S, child.tail())
            broker.stop()
            complained(child, "nothing is lost")
            say(it, "mic", "3")
            say(it, "mic", "4", dropped=True)
            say(it, "desk", "b")
            status(it, mic="live", desk="live")
            broker.start()
            until(lambda: len(texts(messages())) == 6, WAIT_S, child.tail())
            until(lambda: '"transcript.final.mic": 4' in kept(tmp_path, "mqtt"), WAIT_S, "the place")
            child.kill()
        say(it, "mic", "5")
        with bridge(tmp_path, "mqtt", url) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            say(it, "mic", "6")
            until(lambda: len(texts(messages())) == 8, WAIT_S, child.tail())
            child.signal(signal.SIGINT)
            assert child.wait(WAIT_S) == 130
            assert "2 delivered" in child.complained()
        said = messages()
    assert [text for text in texts(said) if text.isdecimal()] == ["1", "2", "3", "4", "5", "6"]
    assert [text for text in texts(said) if not text.isdecimal()] == ["a", "b"]
    first = said[0]
    assert (first["topic"], first["qos"], first["retain"]) == ("heard/mic/final", 1, 0)
    properties = first["properties"]
    assert properties["content-type"] == "application/json"
    assert 0 < properties["message-expiry-interval"] <= 600
    assert properties["user-properties"] == {"turn_id": "1", "key": "1", "run": "run-1", "seq": "1"}


def test_home_assistant_finds_the_sources_and_what_they_do(tmp_path: Path) -> None:
    """Discovery, states that the broker keeps, availability by the last will; after a kill, too."""
    options = ["--node", "den", "--partials"]
    with (
        daemon(tmp_path) as it,
        mosquitto(tmp_path) as broker,
        mosquitto_sub(broker.port, "#") as messages,
        bridge(tmp_path, "mqtt", f"mqtt://127.0.0.1:{broker.port}", *options) as child,
    ):
        it.await_subscriptions(SUBSCRIPTIONS + 1)
        complained(child, "connected")
        status(it, mic="live", desk="muted")
        until(lambda: states(messages()).get("heard/availability") == "online", WAIT_S, child.tail())
        found = states(messages())
        assert (found["heard/mic/live"], found["heard/mic/muted"], found["heard/mic/mix"]) == (
            "ON",
            "OFF",
            0.3,
        )
        assert (found["heard/desk/live"], found["heard/desk/muted"]) == ("OFF", "ON")
        entities = {topic: payload for topic, payload in found.items() if topic.startswith("homeassistant/")}
        assert len(entities) == 10
        it.send("transcript.partial.mic", turn("so far"))
        status(it, mic="muted", desk="muted")
        # What is not acknowledged may come behind what is.
        until(
            lambda: (
                states(messages()).get("heard/mic/muted") == "ON"
                and "heard/mic/partial" in states(messages())
            ),
            WAIT_S,
            child.tail(),
        )
        said = states(messages())["heard/mic/partial"]
        assert isinstance(said, dict)
        assert said["text"] == "so far"
        child.kill()
        until(lambda: states(messages()).get("heard/availability") == "offline", WAIT_S, "the last will")
        # What is kept is sent with the flag to those who come later.
        with mosquitto_sub(broker.port, "heard/mic/+", "-i", "late") as late:
            until(lambda: len(late()) == 3, WAIT_S, "what the broker keeps")
            assert all(message["retain"] for message in late())


@pytest.mark.slow
def test_a_daemon_that_is_away_makes_all_unavailable(tmp_path: Path) -> None:
    """And an orderly end says so as well."""
    with (
        mosquitto(tmp_path) as broker,
        mosquitto_sub(broker.port, "heard/availability") as messages,
        bridge(tmp_path, "mqtt", f"mqtt://127.0.0.1:{broker.port}", "--no-home-assistant") as child,
    ):
        with daemon(tmp_path) as it:
            it.await_subscriptions(SUBSCRIPTIONS)
            complained(child, "connected")
            status(it, mic="live")
            until(lambda: [m["payload"] for m in messages()] == ["online"], WAIT_S, child.tail())
        until(lambda: [m["payload"] for m in messages()] == ["online", "offline"], WAIT_S, child.tail())
        with daemon(tmp_path) as it:
            it.await_subscriptions(SUBSCRIPTIONS)
            status(it, mic="live")
            until(lambda: len(messages()) == 3, WAIT_S, child.tail())
            assert child.terminate() == 0
        until(lambda: [m["payload"] for m in messages()][2:] == ["online", "offline"], WAIT_S, child.tail())


@pytest.mark.slow
def test_a_broker_wants_a_name_and_tls(tmp_path: Path) -> None:
    """Credentials that are refused at the start end it with 4; a file opens the door and shows nowhere."""
    users = tmp_path / "users"
    users.write_text("heard:canary-password\n")
    subprocess.run(["mosquitto_passwd", "-U", users], check=True, timeout=30)
    secret = tmp_path / "password"
    lines = ["allow_anonymous false", f"password_file {users}"]
    lines += [f"certfile {LOCALHOST}", f"keyfile {LOCALHOST}"]
    with daemon(tmp_path) as it, mosquitto(tmp_path, *lines) as broker:
        url = f"mqtts://localhost:{broker.port}"
        options = [url, "--username", "heard", "--password-file", str(secret), "--tls-ca", str(LOCALHOST)]
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        with bridge(tmp_path, "mqtt", *options) as child:
            assert child.wait(WAIT_S) == 4
            assert "not authorized" in child.complained().lower()
        secret.write_text("canary-password\n")
        with bridge(tmp_path, "mqtt", *options) as child:
            it.await_subscriptions(SUBSCRIPTIONS)
            complained(child, "connected")
            assert b"canary" not in Path(f"/proc/{child.pid}/cmdline").read_bytes()
            assert child.terminate() == 0
            assert "canary" not in child.complained()
        with bridge(tmp_path, "mqtt", url) as child:
            complained(child, "certificate")


@pytest.mark.slow
def test_what_the_broker_forbids_is_given_up_and_said(tmp_path: Path) -> None:
    """One source's topic is not allowed: its finals are named in the log, the others arrive."""
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite heard/mic/#\n")
    lines = ["allow_anonymous true", f"acl_file {rules}"]
    with (
        daemon(tmp_path) as it,
        mosquitto(tmp_path, *lines) as broker,
        mosquitto_sub(broker.port, "heard/mic/final") as messages,
        bridge(tmp_path, "mqtt", f"mqtt://127.0.0.1:{broker.port}") as child,
    ):
        it.await_subscriptions(SUBSCRIPTIONS)
        say(it, "desk", "secret")
        say(it, "mic", "1")
        complained(child, "turn secret, is given up")
        until(lambda: texts(messages()) == ["1"], WAIT_S, child.tail())
        until(lambda: '"transcript.final.desk": 1' in kept(tmp_path, "mqtt"), WAIT_S, "the place behind both")
        assert child.terminate() == 0
        assert "1 delivered, 1 refused" in child.complained()


@pytest.mark.parametrize("retained", [pytest.param(True, marks=pytest.mark.slow), False])
def test_commands_that_make_no_sense_are_said(tmp_path: Path, retained: bool) -> None:
    """Nothing but a warning; one that the broker has kept from earlier times is not even sent."""
    with daemon(tmp_path) as it, mosquitto(tmp_path) as broker:
        publish = [
            "mosquitto_pub",
            "-p",
            str(broker.port),
            "-V",
            "mqttv5",
            "-q",
            "1",
            "-t",
            "heard/mic/muted/set",
        ]
        if retained:
            subprocess.run([*publish, "-r", "-m", "OFF"], check=True, timeout=30)
        with (
            bridge(tmp_path, "mqtt", f"mqtt://127.0.0.1:{broker.port}") as child,
            mosquitto_sub(broker.port, "heard/availability") as messages,
        ):
            it.await_subscriptions(SUBSCRIPTIONS)
            # It says that it is there once it has asked the broker for commands.
            status(it, mic="live")
            until(lambda: [each["payload"] for each in messages()] == ["online"], WAIT_S, child.tail())
            subprocess.run([*publish, "-m", "perhaps"], check=True, timeout=30)
            complained(child, "must be ON or OFF")
            assert "mute = " not in child.complained()
            assert child.complained().count("muted/set") == 1
