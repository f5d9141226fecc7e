"""The control socket handed over by systemd, by a parent that does what systemd does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgpack
import pytest
import zmq

from heard.supervise.activation import control_listener

from ...support.poll import until
from ...support.processes import Finished, run, started
from ...system.running import command, configuration, folder

# Puts a listening socket at descriptor 3 and becomes the program behind it.
PARENT = """
import os, socket, sys
count, path, *argv = sys.argv[1:]
if path == "-":
    os.dup2(os.open("/dev/null", os.O_RDONLY), 3)
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    os.dup2(listener.fileno(), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count, "LISTEN_FDNAMES": "control"}
os.set_inheritable(3, True)
os.execv(argv[0], argv)
"""
LIMIT_S = 45.0


def words(path: Path, socket_path: Path | str, count: int = 1) -> list[str]:
    """Return the command line of a daemon started like that, on a file that ends."""
    source = {"name": "mic", "input": "stdin"}
    upstream = {"service": "assemblyai", "url": "ws://127.0.0.1:9"}
    (path / "heard.toml").write_text(configuration(path, [source], upstream=upstream), encoding="utf-8")
    daemon = command("run", "--config", f"{path}/heard.toml")
    return [sys.executable, "-c", PARENT, str(count), str(socket_path), *daemon]


def refused(path: Path, socket_path: Path | str, count: int = 1) -> Finished:
    env = {**os.environ, "ASSEMBLYAI_API_KEY": "k"}
    return run(words(path, socket_path, count), limit_s=LIMIT_S, env=env)


def test_a_request_that_came_first_is_answered() -> None:
    """It waits in the socket until the daemon is there; the socket stays when the daemon goes."""
    with folder() as path, zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.linger = 0
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "k"}
        with started(words(path, path / "control"), limit_s=2.5 * LIMIT_S, env=env) as child:
            until((path / "control").exists, LIMIT_S, "the socket")
            client.connect(f"ipc://{path}/control")
            client.send(msgpack.packb({"v": 1, "id": 1, "op": "status", "args": {}}))
            assert client.poll(int(LIMIT_S * 1000)), child.tail()
            reply = msgpack.unpackb(client.recv())
            assert reply["ok"]
            for process in reply["result"]["processes"].values():
                if process["pid"] is not None:
                    environ = Path(f"/proc/{process['pid']}/environ").read_bytes()
                    assert b"LISTEN_" not in environ or process["pid"] == child.pid
            second = run(command("run", "--config", f"{path}/heard.toml"), limit_s=LIMIT_S, env=env)
            assert second.code == 1
            assert "in use by another heard daemon" in second.stderr
            assert child.terminate() == 0
        assert (path / "control").exists()


@pytest.mark.parametrize("kind", ["elsewhere", "no socket", "two"])
def test_another_socket_is_refused(kind: str) -> None:
    """With the path that it must have, exit status 2: systemd does not try again."""
    with folder() as path:
        where = {"elsewhere": f"{path}/other", "no socket": "-", "two": f"{path}/control"}
        finished = refused(path, where[kind], 2 if kind == "two" else 1)
        assert finished.code == 2
        assert finished.stderr.count("\n") == 1
        assert f"must be one socket with ListenStream={path}/control (control.endpoint)" in finished.stderr


def test_variables_meant_for_another_process_are_ignored() -> None:
    """A shell between systemd and heard passes them on: LISTEN_PID tells."""
    told = {"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "control"}
    environ = {**told, "PATH": "/bin"}
    assert control_listener(Path("/run/heard/control"), environ) is None
    assert environ == {"PATH": "/bin"}
