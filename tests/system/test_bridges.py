"""Bridges between the real daemon and real far sides: every final, in order, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from heard_client import Control, Final, HeardError, read_keys

from ..support.far_sides import (
    Json,
    free_port,
    mosquitto,
    mosquitto_sub,
    nats_server,
    receiver,
    stream_messages,
)
from ..support.poll import until
from ..support.processes import Child, run, started
from ..support.v3_server import v3_server
from .coded import recording
from .running import Body, Daemon, command, configuration, daemon, folder

SECRET = "whsec_" + "aGVhcmQgdGVzdHMgc2lnbiB3aXRoIHRoaXMga2V5"  # the tests' own
WAIT_S = 40
SOURCES = ("left", "right")

Turn = tuple[str, str, str]
"""Source, turn_id, text."""


class Bridges:
    """Bridges to all far sides, each of which can be killed and started again."""

    def __init__(self, place: Path, urls: dict[str, str]) -> None:
        self.children: dict[str, Child] = {}
        self._place = place
        self._urls = urls
        self._ends: dict[str, ExitStack] = {}

    def start(self, since: str = "1h") -> None:
        """Start those that do not run."""
        for kind, url in self._urls.items():
            argv = command("bridge", kind, url, "--config", str(self._place / "heard.toml"), "--since", since)
            env = {**os.environ, "HEARD_WEBHOOK_SECRET": SECRET}
            self._ends[kind] = ExitStack()
            self.children[kind] = self._ends[kind].enter_context(started(argv, limit_s=230, env=env))

    def stop(self, number: int) -> None:
        """End them all by a signal."""
        for child in self.children.values():
            child.signal(number)
        for kind, child in self.children.items():
            child.wait(WAIT_S)
            assert "Traceback" not in child.complained(), child.tail()
            self._ends[kind].close()

    def told(self) -> str:
        """Return their logs, for the message of a failed test."""
        return "\n".join(child.tail() for child in self.children.values())


@contextmanager
def hearing_two(tmp_path: Path, url: str, place: Path, seconds: int, first_s: int) -> Iterator[Daemon]:
    """Run the daemon on a recording of so many seconds, heard by two sources."""
    tmp_path.mkdir(exist_ok=True)
    path = recording(tmp_path, seconds, first_s)
    sources: list[Body] = [
        {"name": name, "input": "file", "path": str(path), "denoise": {"backend": "off"}} for name in SOURCES
    ]
    upstream = {"service": "assemblyai", "url": url, "sessions_per_minute": 1000}
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
    with daemon(sources, env=env, place=place, upstream=upstream, limit_s=120) as heard:
        yield heard


def is_done(heard: Daemon) -> bool:
    """Return whether all that was recorded has been heard and said."""
    sources = heard.status()["sources"].values()
    return all(each["state"] == "ended" and each["ledger"]["pending"] == 0 for each in sources)


def journalled(place: Path) -> list[Turn]:
    with Control(f"ipc://{place}/control") as control:
        found = control.history(run="*").transcripts
    return [(each.source, each.turn_id, each.text) for each in found if isinstance(each, Final)]


def turn_of(body: Json) -> Turn:
    return body["source"], body["turn_id"], body["text"]


def check(came: list[Turn], expected: list[Turn], where: str) -> int:
    """Check that nothing is missing and each source is in order; return how many came twice.

    A turn that comes again, after a kill, may be followed by those behind it once more.
    """
    assert set(came) == set(expected), where
    for source in SOURCES:
        due = [turn for turn in expected if turn[0] == source]
        first_seen = list(dict.fromkeys(turn for turn in came if turn[0] == source))
        assert first_seen == due, f"{where}: {source} in order"
    return len(came) - len(expected)


@pytest.mark.slow
def test_a_bridge_on_another_machine_misses_nothing_either(tmp_path: Path) -> None:
    """Over tcp:// with a key, also where both sockets are opened anew because another's was taken away."""
    with folder() as place, v3_server() as server, receiver(SECRET) as hook, ExitStack() as stack:
        keys = place / "keys"
        for words in (("--server",), ("--client", "bridge"), ("--client", "laptop")):
            made = run(command("keygen", "--folder", str(keys), *words), limit_s=30)
            assert made.code == 0, made.stderr
        at, there = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        source = {"name": "left", "input": "file", "path": str(recording(tmp_path, 21, 0))}
        config = place / "heard.toml"
        config.write_text(
            configuration(
                place,
                [source | {"denoise": {"backend": "off"}}],
                upstream={"service": "assemblyai", "url": server.url},
                curve={
                    "secret_key_file": str(keys / "server.key_secret"),
                    "allowed_clients_dir": str(keys / "clients"),
                },
                control={"endpoint": at},
                publish={"endpoint": there},
            ),
            encoding="utf-8",
        )
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary", "HEARD_WEBHOOK_SECRET": SECRET}
        env.pop("NOTIFY_SOCKET", None)
        argv = command("run", "--config", str(config))
        heard = stack.enter_context(started(argv, limit_s=120, env=env))
        until(lambda: "ready: left live" in heard.complained(), WAIT_S, "ready")
        argv = command("bridge", "webhook", hook.url, "--endpoint", at, "--since", "1h")
        argv += ["--server-key", str(keys / "server.key"), "--key", str(keys / "bridge.key_secret")]
        bridge = stack.enter_context(
            started([*argv, "--state-dir", str(tmp_path / "kept")], limit_s=120, env=env)
        )
        until(lambda: len(hook.taken) >= 2 or not bridge.running, WAIT_S, "the first finals")
        (keys / "clients" / "laptop.key").unlink()
        with Control(at, keys=read_keys(keys / "server.key", keys / "bridge.key_secret")) as control:
            control.request("reload")
            until(lambda: is_over(control), WAIT_S, "all to be settled")
            found = control.history().transcripts
        expected = [(each.source, each.turn_id, each.text) for each in found if isinstance(each, Final)]
        assert len(expected) >= 6
        until(lambda: len(hook.taken) >= len(expected), WAIT_S, "all of it")
        assert [turn_of(body["data"]) for body in hook.taken] == expected
        assert bridge.running, bridge.tail()


def is_over(control: Control) -> bool:
    """Return whether all is settled; while the sockets are opened anew nobody answers."""
    with suppress(HeardError):
        sources = control.status()["sources"].values()
        return all(each["state"] == "ended" and each["ledger"]["pending"] == 0 for each in sources)
    return False


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_final_arrives_whatever_dies(tmp_path: Path) -> None:
    """Two runs of the daemon, two sources; in mid-stream far sides, bridges and `publish` are killed.

    The stream of NATS holds each final once; MQTT and the webhook may be told one again, with the same id.
    """
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        server = stack.enter_context(v3_server())
        broker = stack.enter_context(mosquitto(tmp_path))
        nats = stack.enter_context(nats_server(tmp_path))
        hook = stack.enter_context(receiver(SECRET))
        messages = stack.enter_context(mosquitto_sub(broker.port, "heard/+/final"))
        urls = {
            "mqtt": f"mqtt://127.0.0.1:{broker.port}",
            "nats": f"nats://127.0.0.1:{nats.port}",
            "webhook": hook.url,
        }
        bridges = Bridges(place, urls)

        def ways() -> dict[str, list[Turn]]:
            return {
                "mqtt": [turn_of(message["payload"]) for message in messages()],
                "nats": [turn_of(body) for _, _, body in stream_messages(nats.port)],
                "webhook": [turn_of(body["data"]) for body in hook.taken],
            }

        def arrived(expected: list[Turn]) -> bool:
            return all(set(expected) <= set(came) for came in ways().values())

        with hearing_two(tmp_path / "one", server.url, place, 24, 0) as heard:
            heard.wait_ready()
            bridges.start()
            stack.callback(bridges.stop, signal.SIGTERM)
            heard.until(lambda: len(hook.taken) >= 2, WAIT_S, bridges.told())
            broker.stop()
            nats.stop(signal.SIGKILL)
            hook.stop()
            count = len(heard.finals())
            heard.until(lambda: len(heard.finals()) >= count + 4, WAIT_S, "finals while all are away")
            # What they have in hand has arrived nowhere.
            bridges.stop(signal.SIGKILL)
            bridges.start()
            heard.listen(2.0)
            broker.start()
            nats.start()
            hook.start()
            os.kill(heard.status()["processes"]["publish"]["pid"], signal.SIGKILL)
            count = len(heard.finals())
            heard.until(lambda: len(heard.finals()) >= count + 2, WAIT_S, "finals in mid-stream")
            bridges.stop(signal.SIGKILL)
            heard.listen(1.0)
            bridges.start()
            heard.until(lambda: is_done(heard), WAIT_S, "all to be settled")
            expected = journalled(place)
            assert len(expected) >= 2 * 24 // 3 - 2
            heard.until(lambda: arrived(expected), WAIT_S, bridges.told())
            heard.ask("stop")
            heard.until(lambda: not heard.child.running, WAIT_S, "the daemon to end")
        with hearing_two(tmp_path / "two", server.url, place, 9, 60) as heard:
            heard.wait_ready()
            heard.until(lambda: is_done(heard), WAIT_S, "all to be settled")
            expected = journalled(place)
            heard.until(lambda: arrived(expected), WAIT_S, bridges.told())
            doubled = {way: check(came, expected, way) for way, came in ways().items()}
    assert doubled["nats"] == 0
    assert doubled["mqtt"] + doubled["webhook"] <= len(expected)


@pytest.mark.slow
def test_home_assistant_mutes_and_changes_the_mix(tmp_path: Path) -> None:
    """What is asked over the broker is done by the daemon, and its state comes back."""

    def publish(topic: str, payload: str) -> None:
        words = [
            "mosquitto_pub",
            "-p",
            str(broker.port),
            "-V",
            "mqttv5",
            "-q",
            "1",
            "-t",
            topic,
            "-m",
            payload,
        ]
        subprocess.run(words, check=True, timeout=10)

    source: Body = {"name": "mic", "input": "file", "path": str(recording(tmp_path, 60))}
    with (
        folder() as place,
        v3_server() as server,
        mosquitto(tmp_path) as broker,
        mosquitto_sub(broker.port, "heard/mic/+") as messages,
    ):
        upstream = {"service": "assemblyai", "url": server.url, "sessions_per_minute": 1000}
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        argv = command(
            "bridge", "mqtt", f"mqtt://127.0.0.1:{broker.port}", "--config", str(place / "heard.toml")
        )

        def state() -> dict[str, object]:
            return {message["topic"].rpartition("/")[2]: message["payload"] for message in messages()}

        with (
            daemon([source], env=env, place=place, upstream=upstream) as heard,
            started(argv, limit_s=60) as child,
        ):
            heard.wait_ready()
            heard.until(lambda: state().get("live") == "ON", WAIT_S, child.tail())
            publish("heard/mic/muted/set", "ON")
            heard.until(lambda: state()["muted"] == "ON", WAIT_S, child.tail())
            assert heard.source("mic")["state"] == "muted"
            publish("heard/mic/mix/set", "0.75")
            heard.until(lambda: state()["mix"] == 0.75, WAIT_S, child.tail())
            assert heard.ask("get", source="mic", key="denoise.mix") == {"denoise.mix": 0.75}
            publish("heard/mic/muted/set", "OFF")
            heard.until(lambda: state()["muted"] == "OFF", WAIT_S, child.tail())
            assert child.terminate() == 0
            assert "Traceback" not in child.complained()
