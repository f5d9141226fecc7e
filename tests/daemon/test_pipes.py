"""The pipes behave as their table says: who binds, what waits where, who may connect."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from heard.pipes import (
    ACKS,
    CLEAN,
    EVENTS,
    PIPES,
    POSITIONS,
    RAW,
    REPORTS,
    EndpointTakenError,
    Pipes,
    claim,
    private_directory,
)
from heard.wire.codec import MAX_MESSAGE_BYTES

from ..support.poll import until

WAIT_S = 30.0


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    # Not under pytest's tmp_path: a socket's path is limited to 107 bytes.
    with tempfile.TemporaryDirectory(prefix="heard-pipes-") as name:
        yield Path(name)


@pytest.fixture(name="near")
def _near(folder: Path) -> Iterator[Pipes]:
    pipes = Pipes(folder)
    yield pipes
    pipes.close()


@pytest.fixture(name="far")
def _far(folder: Path) -> Iterator[Pipes]:
    pipes = Pipes(folder)
    yield pipes
    pipes.close()


def receive(socket: "zmq.Socket[bytes]") -> bytes:
    assert socket.poll(int(WAIT_S * 1000)), "nothing came"
    return socket.recv()


def sent(socket: "zmq.Socket[bytes]", data: bytes) -> bool:
    """Send without waiting; return whether there was room."""
    try:
        socket.send(data, zmq.NOBLOCK)
    except zmq.Again:
        return False
    return True


def test_the_table_is_whole() -> None:
    """Each pipe once, its binding end one of its two, and nobody on both ends."""
    assert len({pipe.name for pipe in PIPES}) == len(PIPES)
    for pipe in PIPES:
        assert pipe.pull not in pipe.push
        assert pipe.bound_by == pipe.pull or pipe.push == (pipe.bound_by,)


@pytest.mark.parametrize("pipe", PIPES, ids=lambda pipe: pipe.name)
def test_a_message_goes_from_end_to_end(near: Pipes, far: Pipes, pipe: object) -> None:
    """Whichever end comes first."""
    assert pipe in PIPES
    found = next(each for each in PIPES if each is pipe)
    push = near.push(found)
    pull = far.pull(found)
    until(lambda: sent(push, b"hello"), WAIT_S, "room")
    assert receive(pull) == b"hello"


@pytest.mark.parametrize("pipe", [RAW, CLEAN], ids=lambda pipe: pipe.name)
def test_audio_waits_where_it_is_retained(near: Pipes, far: Pipes, pipe: object) -> None:
    """Without a reader nothing is taken; with a slow one, little more than the marks."""
    found = RAW if pipe is RAW else CLEAN
    push = near.push(found)
    assert not sent(push, b"nobody is there")
    pull = far.pull(found)
    block = bytes(700)
    until(lambda: sent(push, block), WAIT_S, "the reader")
    count = 1
    while count < 5000 and sent(push, block):
        count += 1
    assert count < 2000
    receive(pull)


def test_what_flows_back_outlives_its_reader(near: Pipes, folder: Path) -> None:
    """Events, positions and acknowledgements wait for a reader that is being restarted."""
    for pipe in (EVENTS, POSITIONS):
        push = near.push(pipe)
        assert all(sent(push, str(number).encode()) for number in range(500))
        reader = Pipes(folder)
        pull = reader.pull(pipe)
        assert [receive(pull) for _ in range(500)] == [str(number).encode() for number in range(500)]
        reader.close()
    assert ACKS.bound_by == ACKS.pull


def test_no_socket_is_reachable_by_others(near: Pipes, folder: Path) -> None:
    """Mode 0600, whatever the umask; and the umask is left as it was."""
    before = os.umask(0)
    try:
        near.push(RAW)
        near.reports_router()
        near.control_router(f"ipc://{folder}/control")
        near.publisher(f"ipc://{folder}/transcripts")
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    for name in ("raw", REPORTS, "control", "transcripts"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_a_restarted_stage_takes_over_its_name(near: Pipes, folder: Path) -> None:
    """Orders go to the new one."""
    router = near.reports_router()
    for life in (b"first", b"second"):
        stage = Pipes(folder)
        dealer = stage.reports_dealer("capture")
        dealer.send(life)
        assert router.poll(int(WAIT_S * 1000))
        assert router.recv_multipart() == [b"capture", life]
        router.send_multipart([b"capture", b"order"])
        assert receive(dealer) == b"order"
        stage.close()


def test_what_is_far_too_large_is_cut_off(near: Pipes, far: Pipes, folder: Path) -> None:
    """What is a little too large still arrives, to be answered; the next client is served."""
    endpoint = f"ipc://{folder}/control"
    router = near.control_router(endpoint)
    for size, arrives in ((MAX_MESSAGE_BYTES + 1, True), (64 * MAX_MESSAGE_BYTES + 1, False), (1, True)):
        with far.context.socket(zmq.DEALER) as client:
            client.setsockopt(zmq.LINGER, 0)
            client.connect(endpoint)
            client.send(bytes(size))
            assert bool(router.poll(int(WAIT_S * 1000) if arrives else 300)) == arrives
        if arrives:
            assert len(router.recv_multipart()[-1]) == size


def test_closing_does_not_wait_for_a_reader_that_never_comes(folder: Path) -> None:
    """What is queued gets a second."""
    pipes = Pipes(folder)
    assert sent(pipes.push(EVENTS), b"for nobody")
    pipes.close()


def test_a_directory_of_our_own(tmp_path: Path) -> None:
    """Made 0700; refused where others could put a socket in our place."""
    path = tmp_path / "a" / "b"
    private_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    private_directory(path)
    path.chmod(0o750)
    private_directory(path)
    path.chmod(0o770)
    with pytest.raises(PermissionError, match="writable by it alone"):
        private_directory(path)


def test_a_path_is_claimed_by_one_living_process(tmp_path: Path) -> None:
    """The second is told who has it; a lock left by a dead one is nothing."""
    path = tmp_path / "control"
    program = f"""
import sys
from pathlib import Path
from heard.pipes import claim
claim(Path({str(path)!r}))
print("claimed", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"claimed\n"
        with pytest.raises(EndpointTakenError, match=f"process {holder.pid}$"):
            claim(path)
        holder.kill()
        holder.wait(WAIT_S)
    descriptor = claim(path)
    assert not os.get_inheritable(descriptor)
    assert stat.S_IMODE((tmp_path / "control.lock").stat().st_mode) == 0o600
    os.close(descriptor)
