"""The daemon over tcp://: who has a listed key hears and rules, nobody else gets a word or does any harm."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from pathlib import Path

import pytest
import zmq

from heard_client import Control, EndpointError, HeardError, Partial, Subscriber, read_keys

from ..support.corpus import utterance
from ..support.far_sides import free_port
from ..support.poll import until
from ..support.processes import run, started
from .running import READY_S, command, configuration, control, folder

SPOKEN = "arctic-aew-a0003"
WAIT_S = 40.0


def _keygen(place: Path, *words: str) -> None:
    finished = run(command("keygen", "--folder", str(place / "keys"), *words), limit_s=30)
    assert finished.code == 0, finished.stderr


@pytest.mark.slow
def test_a_client_on_another_machine() -> None:
    """Status, words and orders with a key; silence and a count without; a restarted publish is found."""
    with folder() as place:
        _keygen(place, "--server")
        _keygen(place, "--client", "laptop")
        _keygen(place, "--client", "stranger")
        keys = place / "keys"
        (keys / "clients" / "stranger.key").unlink()
        ours = read_keys(keys / "server.key", keys / "laptop.key_secret")
        theirs = read_keys(keys / "server.key", keys / "stranger.key_secret")
        ports = free_port(), free_port()
        at, there = f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[1]}"
        source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
        config = place / "heard.toml"
        config.write_text(
            configuration(
                place,
                [source],
                curve={
                    "secret_key_file": str(keys / "server.key_secret"),
                    "allowed_clients_dir": str(keys / "clients"),
                },
                control={"endpoint": at},
                publish={"endpoint": f"tcp://0.0.0.0:{ports[1]}"},
            )
        )
        with started(command("run", "--config", str(config)), limit_s=90) as child:
            until(lambda: "ready: mic live" in child.complained(), READY_S, "ready")
            with Control(at, keys=ours) as desk, Subscriber(there, keys=ours, timeout_s=20) as ear:
                assert desk.hello().transcripts == there
                assert any(isinstance(message, Partial) for message in ear)
                with pytest.raises(EndpointError, match="only to clients with a key"):
                    Control(at)
                with Subscriber(there, keys=theirs, timeout_s=0.7) as stranger:
                    assert list(stranger) == []
                for kind in (zmq.DEALER, zmq.SUB):
                    _knock(at, kind)
                    _knock(there, kind)
                for name in ("supervise", "publish"):
                    _counted(desk, name)
                before = _pid(desk, "publish")
                assert before is not None
                os.kill(before, signal.SIGKILL)
                until(lambda: _pid(desk, "publish") not in (before, None), WAIT_S, "another publish")
                run_id, after = ear.run, time.time()
                assert any(message.time > after for message in ear)
                assert ear.run == run_id
                assert desk.status()["state"] == "ready"
            options = ("--endpoint", at, "--server-key", str(keys / "server.key"), "--key")
            with_key = (*options, str(keys / "laptop.key_secret"))
            shown = run(control("status", *with_key, "--format", "json"), limit_s=20)
            assert json.loads(shown.stdout)["publish"]["endpoint"] == f"tcp://0.0.0.0:{ports[1]}"
            refused = run(control("stop", *options, str(keys / "stranger.key_secret")), limit_s=20)
            assert refused.code == 1
            assert "is this client's key listed there?" in refused.stderr
            assert child.running
            assert run(control("stop", *with_key), limit_s=20).code == 0
            assert child.wait(WAIT_S) == 0


@pytest.mark.slow
def test_a_client_whose_key_is_taken_away_is_cut_off_and_no_other() -> None:
    """At the reload, from both sockets; the others miss nothing by it."""
    with folder() as place:
        for words in (("--server",), ("--client", "laptop"), ("--client", "phone")):
            _keygen(place, *words)
        keys = place / "keys"
        ours, theirs = (
            read_keys(keys / "server.key", keys / f"{name}.key_secret") for name in ("laptop", "phone")
        )
        at, there = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
        source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
        curve = {
            "secret_key_file": str(keys / "server.key_secret"),
            "allowed_clients_dir": str(keys / "clients"),
        }
        config = place / "heard.toml"
        config.write_text(
            configuration(place, [source], curve=curve, control={"endpoint": at}, publish={"endpoint": there})
        )
        with started(command("run", "--config", str(config)), limit_s=120) as child:
            until(lambda: "ready: mic live" in child.complained(), READY_S, "ready")
            with (
                Control(at, keys=ours) as desk,
                Control(at, keys=theirs, timeout_s=1) as phone,
                Subscriber(there, control=at, keys=ours, timeout_s=20, topics=["transcript.final."]) as ear,
                Subscriber(there, keys=theirs, timeout_s=20) as tapped,
            ):
                assert phone.hello() == desk.hello()
                finals = [next(iter(ear))]
                assert next(iter(tapped))
                (keys / "clients" / "phone.key").unlink()
                assert desk.request("reload") == {}
                until(lambda: _is_deaf(phone), WAIT_S, "the phone to be cut off")
                assert desk.status()["state"] == "ready"
                while tapped.receive(0.0) is not None:
                    pass  # what it had got before
                finals += [message for message, _ in zip(ear, range(4), strict=False)]
                assert tapped.receive(0.5) is None
                assert [each.seq for each in finals] == [*range(finals[0].seq, finals[0].seq + 5)]
                assert ear.missed == {}
                assert "not allowed any more, and cut off: phone" in child.complained()


def _is_deaf(client: Control) -> bool:
    try:
        client.hello()
    except HeardError:
        return True
    return False


def _counted(desk: Control, process: str) -> None:
    until(
        lambda: desk.status()["processes"][process]["counters"]["refused_connections"],
        WAIT_S,
        f"refusals to be counted by {process}",
    )


def _pid(desk: Control, process: str) -> int | None:
    return desk.status()["processes"][process]["pid"]


def _knock(endpoint: str, kind: int) -> None:
    """Connect without a key; nothing may come."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stranger = context.socket(kind)
    try:
        stranger.setsockopt(zmq.LINGER, 0)
        if kind == zmq.SUB:
            stranger.subscribe(b"")
        stranger.connect(endpoint)
        if kind == zmq.DEALER:
            stranger.send(b"\x84\xa1v\x01\xa2id\x01\xa2op\xa4stop\xa4args\x80")
        assert not stranger.poll(300)
    finally:
        stranger.close()
        context.term()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to give a file to a group")
def test_a_group_gets_the_two_sockets_and_nothing_else() -> None:
    """What members may enter holds two sockets of theirs; ring, pipes, locks and run file stay private."""
    source = {"name": "mic", "input": "file", "path": str(utterance(SPOKEN).path), "loop": True}
    with folder() as place:
        run_dir = place / "run"
        config = place / "heard.toml"
        config.write_text(
            configuration(place, [source], top={"socket_group": "daemon"}).replace(
                f'runtime_dir = "{place}"', f'runtime_dir = "{run_dir}"'
            )
        )
        with started(command("run", "--config", str(config)), limit_s=110) as child:
            until(lambda: "ready: mic live" in child.complained(), READY_S, "ready")
            assert (stat.S_IMODE(run_dir.stat().st_mode), run_dir.group()) == (0o750, "daemon")
            theirs = {path.name for path in run_dir.rglob("*") if path.stat().st_mode & 0o077}
            assert theirs == {"control", "transcripts"}
            for name in theirs:
                path = run_dir / name
                assert (stat.S_IMODE(path.stat().st_mode), path.group()) == (0o660, "daemon")
