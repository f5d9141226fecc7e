"""Who may connect to a public socket: real sockets, real keys, on loopback."""

import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import zmq
import zmq.auth

from heard.guard import Guard, KeysUnusableError, read_allowed, read_keys
from heard.pipes import EndpointTakenError, Pipes, endpoint_of, private_directory
from heard.settings import Curve, Settings
from heard_client.control import Control
from heard_client.curve import Keys, secure
from heard_client.curve import read_keys as read_client_keys
from heard_client.errors import NoReplyError

from ..support.poll import until
from ..support.processes import run

WAIT_S = 30.0
LONG_MS = 20_000
"""For an answer that is to come; a refusal is waited for but a moment."""
ANY_PORT = "tcp://127.0.0.1:*"


@dataclass
class Desk:
    """A daemon's control socket over tcp://, and the keys around it."""

    folder: Path
    pipes: Pipes
    guard: Guard
    router: "zmq.Socket[bytes]"
    endpoint: str

    def keys(self, name: str, *, listed: bool) -> Keys:
        """Make the keys of a client."""
        folder = self.folder / "clients" if listed else self.folder
        zmq.auth.create_certificates(folder, name)
        secret = folder / f"{name}.key_secret"
        secret.chmod(0o600)
        return read_client_keys(self.folder / "server.key", secret)

    def hears(self, keys: Keys | None, wait_ms: int = 400) -> bool:
        """Say whether a client with these keys gets an answer."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        client = context.socket(zmq.DEALER)
        try:
            client.setsockopt(zmq.LINGER, 0)
            if keys is not None:
                secure(client, self.endpoint, keys)
            client.connect(self.endpoint)
            client.send(b"anybody?")
            if not self.router.poll(wait_ms):
                return False
            self.router.send_multipart([self.router.recv_multipart()[0], b"yes"])
            return bool(client.poll(wait_ms))
        finally:
            client.close()
            context.term()


def settings(folder: Path) -> Settings:
    return Settings(
        curve=Curve(
            secret_key_file=str(folder / "server.key_secret"), allowed_clients_dir=str(folder / "clients")
        )
    )


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Iterator[Desk]:
    (tmp_path / "clients").mkdir()
    zmq.auth.create_certificates(tmp_path, "server")
    guard = Guard(settings(tmp_path))
    pipes = Pipes(tmp_path)
    router = pipes.control_router(ANY_PORT, guard)
    yield Desk(tmp_path, pipes, guard, router, endpoint_of(router))
    pipes.close()


def _refused(desk: Desk, keys: Keys | None) -> None:
    """Check that a client is not heard, and is counted: one that hangs up first is when it comes back."""
    before = desk.guard.refused()

    def counted() -> bool:
        assert not desk.hears(keys)
        return desk.guard.refused() > before

    until(counted, WAIT_S, "a refusal")


def test_a_listed_key_is_heard_and_no_other(desk: Desk) -> None:
    """Without a key, with one that is not listed, with the wrong one of the daemon: silence, and a count."""
    good = desk.keys("good", listed=True)
    desk.guard.reload()
    assert desk.hears(good, LONG_MS)
    assert desk.guard.refused() == 0
    wrong = replace(good, server=zmq.curve_keypair()[0])
    for keys in (None, desk.keys("evil", listed=False), wrong):
        _refused(desk, keys)
    assert desk.hears(good, LONG_MS)


def test_a_key_that_is_taken_away_is_shut_out_by_a_reload(desk: Desk) -> None:
    """And one that is put there let in; a list that cannot be read changes nothing."""
    late = desk.keys("late", listed=True)
    assert not desk.hears(late)
    desk.guard.reload()
    assert desk.hears(late, LONG_MS)
    (desk.folder / "clients" / "broken.key").write_text("nothing")
    (desk.folder / "clients" / "late.key").unlink()
    desk.guard.reload()
    assert desk.hears(late, LONG_MS)
    (desk.folder / "clients" / "broken.key").unlink()
    desk.guard.reload()
    assert not desk.hears(late)


def test_whoever_is_connected_with_a_key_that_is_taken_away_is_cut_off(desk: Desk) -> None:
    """By a socket in the place of the one that it has: the others come back to that by themselves."""
    clients: list[zmq.Socket[bytes]] = []
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def is_heard(client: "zmq.Socket[bytes]", wait_ms: int = 400) -> bool:
        try:
            client.send(b"anybody?", zmq.NOBLOCK)
        except zmq.Again:
            return False  # it was turned away, and has nobody to send to
        if not desk.router.poll(wait_ms):
            return False
        desk.router.send_multipart([desk.router.recv_multipart()[0], b"yes"])
        return bool(client.poll(wait_ms) and client.recv())

    try:
        for name in ("stays", "goes"):
            client = context.socket(zmq.DEALER)
            clients.append(client)
            client.setsockopt(zmq.LINGER, 0)
            client.setsockopt(zmq.RECONNECT_IVL, 10)
            secure(client, desk.endpoint, desk.keys(name, listed=True))
        assert not desk.guard.reload(), "nobody was taken away"
        for client in clients:
            client.connect(desk.endpoint)
            assert is_heard(client, LONG_MS)
        (desk.folder / "clients" / "goes.key").unlink()
        assert desk.guard.reload()
        assert is_heard(clients[1], LONG_MS), "libzmq ends no connection"
        desk.router = desk.pipes.control_router(desk.endpoint, desk.guard, instead_of=desk.router)
        until(lambda: is_heard(clients[0]), WAIT_S, "the one that stays to be back")
        assert not is_heard(clients[1])
        assert not desk.guard.reload()
    finally:
        context.destroy(linger=0)


def test_a_client_that_is_turned_away_is_told_and_not_kept_waiting(desk: Desk) -> None:
    """Also where that happened before its request: libzmq would let the sending wait for ever."""
    with Control(desk.endpoint, keys=desk.keys("evil", listed=False), timeout_s=0.2) as control:
        until(desk.guard.refused, WAIT_S, "the refusal")
        for _ in range(2):
            with pytest.raises(NoReplyError, match="is this client's key listed there"):
                control.stop()


def test_noise_on_the_port_hurts_nobody(desk: Desk) -> None:
    """Random bytes, half a greeting, one without keys, an endless command: the next client is served."""
    good = desk.keys("good", listed=True)
    desk.guard.reload()
    address = ("127.0.0.1", int(desk.endpoint.rpartition(":")[2]))
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + b"\0" + bytes(31)
    noise = [
        os.urandom(5000),
        greeting[:10],
        greeting.replace(b"CURVE", b"NULL\0"),
        greeting + b"\x06" + b"\xff" * 8 + os.urandom(4096),
        greeting + b"\x04\xc8\x05HELLO" + os.urandom(194),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    held = []
    for data in noise * 5:
        peer = socket.create_connection(address, timeout=WAIT_S)
        peer.sendall(data)
        held.append(peer)
    assert desk.hears(good, LONG_MS)
    for peer in held:
        peer.close()
    assert desk.hears(good, LONG_MS)
    assert not desk.router.poll(100)


def test_a_publisher_gives_nothing_to_a_stranger(tmp_path: Path) -> None:
    """Only who proved a listed key receives what is published."""
    (tmp_path / "clients").mkdir()
    for folder, name in ((tmp_path, "server"), (tmp_path, "evil"), (tmp_path / "clients", "good")):
        zmq.auth.create_certificates(folder, name)
    for secret in tmp_path.rglob("*.key_secret"):
        secret.chmod(0o600)
    pipes = Pipes(tmp_path)
    publisher = pipes.publisher(ANY_PORT, Guard(settings(tmp_path)))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    heard = {}
    for name in ("clients/good", "evil", ""):
        heard[name] = context.socket(zmq.SUB)
        heard[name].setsockopt(zmq.LINGER, 0)
        heard[name].subscribe(b"")
        if name:
            keys = read_client_keys(tmp_path / "server.key", tmp_path / f"{name}.key_secret")
            secure(heard[name], endpoint_of(publisher), keys)
        heard[name].connect(endpoint_of(publisher))

    def arrived() -> bool:
        publisher.send(b"hello")
        return bool(heard["clients/good"].poll(20))

    try:
        until(arrived, WAIT_S, "the listed client to hear something")
        assert not heard["evil"].poll(200)
        assert not heard[""].poll(200)
    finally:
        context.destroy(linger=0)
        pipes.close()


def test_a_port_that_is_taken_is_told(desk: Desk) -> None:
    """In words, not by a number."""
    pipes = Pipes(desk.folder)
    try:
        with pytest.raises(EndpointTakenError, match="address already in use"):
            pipes.control_router(desk.endpoint, Guard(settings(desk.folder)))
    finally:
        pipes.close()


def test_keys_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    """Missing, public alone, of two pairs, no keys at all; a folder that is none."""
    curve = settings(tmp_path).curve
    with pytest.raises(KeysUnusableError, match=r"server\.key_secret: cannot be read: no such file"):
        read_keys(curve)
    zmq.auth.create_certificates(tmp_path, "server")
    with pytest.raises(KeysUnusableError, match=r"clients: cannot be read: No such file"):
        read_keys(curve)
    (tmp_path / "clients").mkdir()
    keys = read_keys(curve)
    assert keys.allowed == {}
    assert repr(keys.secret) not in repr(keys)
    with pytest.raises(KeysUnusableError, match="holds a public key alone"):
        read_keys(replace(curve, secret_key_file=str(tmp_path / "server.key")))
    mixed = tmp_path / "mixed.key_secret"
    mixed.write_bytes(b'public-key = "%s"\nsecret-key = "%s"\n' % (zmq.curve_keypair()[0], keys.secret))
    with pytest.raises(KeysUnusableError, match="do not belong together"):
        read_keys(replace(curve, secret_key_file=str(mixed)))
    for text in ("", "public-key = short", 'public-key = "' + "~" * 40 + '"'):
        (tmp_path / "clients" / "c.key").write_text(text)
        with pytest.raises(KeysUnusableError, match=r"c\.key: holds no key"):
            read_allowed(tmp_path / "clients")


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to give a file to a group")
def test_a_group_may_enter_where_it_is_named() -> None:
    """Directory 0750 and sockets 0660 of that group; the sockets of the pipes stay 0600."""
    with tempfile.TemporaryDirectory(prefix="heard-guard-") as name:
        folder = Path(name)
        private_directory(folder, group=1)
        pipes = Pipes(folder)
        pipes.control_router(f"ipc://{folder}/control", Guard(Settings(socket_group="daemon")))
        pipes.reports_router()
        found = {
            path.name: (stat.S_IMODE(path.stat().st_mode), path.stat().st_gid) for path in folder.iterdir()
        }
        assert found == {"control": (0o660, 1), "reports": (0o600, os.getegid())}
        assert (stat.S_IMODE(folder.stat().st_mode), folder.stat().st_gid) == (0o750, 1)
        pipes.close()
    with pytest.raises(KeysUnusableError, match="there is no such group"):
        Guard(Settings(socket_group="no-such-group"))


# Strangers may not read this Python, so they are forked. Modes are wide open: the credentials alone count.
STRANGERS = """
import os, sys, tempfile, time
from pathlib import Path
import zmq
from heard.guard import Guard
from heard.pipes import Pipes
from heard.settings import Settings
zmq.Context().socket(zmq.DEALER).close()
folder = Path(tempfile.mkdtemp())
go = os.pipe()

def stranger(uid, gid, groups):
    os.setgroups(groups); os.setgid(gid); os.setuid(uid)
    os.close(go[1]); os.read(go[0], 1)
    for name in ("control", "reports"):
        context = zmq.Context(); client = context.socket(zmq.DEALER); client.linger = 0
        try:
            client.connect(f"ipc://{folder}/{name}"); client.send(b"?")
            # Who is to be heard is waited for; a refusal is silence for a while.
            heard = uid == 0 or (name == "control" and f"{uid} {gid} {groups}" in sys.argv[2:])
            print(uid, gid, groups, name, bool(client.poll(30000 if heard else 600)), flush=True)
        finally:
            client.close(); context.term()
    os._exit(0)

children = []
for who in ((0, 0, []), (65534, 65534, []), (65534, 1, []), (65534, 65534, [1])):
    pid = os.fork()
    if pid == 0:
        stranger(*who)
    children.append(pid)
pipes = Pipes(folder)
guard = Guard(Settings(socket_group=sys.argv[1]))
router = pipes.control_router(f"ipc://{folder}/control", guard)
reports = pipes.reports_router()
folder.chmod(0o755)
(folder / "reports").chmod(0o666)
if not sys.argv[1]:
    (folder / "control").chmod(0o666)
os.close(go[1])
deadline = time.monotonic() + 60
while children and time.monotonic() < deadline:
    for each in (router, reports):
        if each.poll(10):
            each.send_multipart([each.recv_multipart()[0], b"!"])
    children = [pid for pid in children if os.waitpid(pid, os.WNOHANG) == (0, 0)]
print("refused", guard.refused() > 0)
pipes.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to become other users")
@pytest.mark.parametrize(
    ("group", "heard"),
    [("", {"0 0 []"}), ("daemon", {"0 0 []", "65534 1 []", "65534 65534 [1]"})],
    ids=["owner", "group"],
)
def test_another_user_is_turned_away_whatever_the_modes(group: str, heard: set[str]) -> None:
    """The kernel's word on who the peer is; root comes in, a group's members where it is named."""
    finished = run([sys.executable, "-c", STRANGERS, group, *heard], limit_s=110)
    assert finished.code == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert {line.split(" control ")[0] for line in lines if line.endswith("control True")} == heard
    assert [line for line in lines if line.endswith("reports True")] == ["0 0 [] reports True"]
    assert lines[-1] == f"refused {not group}"
