"""What docs/operations.md offers for `systemctl edit heard`, in a booted systemd."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ..support.container import PREFIX, Container
from .coded import words
from .running import Daemon
from .service import CREDENTIAL, KEY, RUNTIME_DIR, WAIT_S, installed, listening, stages

ENCRYPTED = "/etc/credstore.encrypted/assemblyai-api-key"

pytestmark = pytest.mark.slow


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with installed(tmp_path_factory.mktemp("container"), 180) as box:
        yield box


def test_the_key_may_be_encrypted_on_the_disk(box: Container) -> None:
    """With `systemd-creds`: the plain file is gone, the service sends the key all the same."""
    box.do("mkdir", "-p", "/etc/credstore.encrypted")
    box.do("systemd-creds", "encrypt", "--name=assemblyai-api-key", CREDENTIAL, ENCRYPTED)
    assert KEY not in (box.root / ENCRYPTED.lstrip("/")).read_text(encoding="utf-8")
    box.do("mv", CREDENTIAL, f"{CREDENTIAL}.away")
    # An empty value takes back what the unit itself says.
    credential = {"LoadCredential": f"\nLoadCredentialEncrypted=assemblyai-api-key:{ENCRYPTED}"}
    try:
        with listening(box, unit=credential) as (server, heard):
            box.do("systemctl", "start", "heard")
            heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "a first word")
            assert server.records[0].authorization == KEY
    finally:
        box.do("mv", f"{CREDENTIAL}.away", CREDENTIAL)


def test_without_a_network_the_embedded_recognizer_hears_all_the_same(box: Container) -> None:
    """PrivateNetwork: nothing can leave the machine, and transcripts are published."""
    with listening(box, unit={"PrivateNetwork": "yes"}) as _:
        demo = next((box.root / PREFIX.relative_to("/")).glob("lib/*/site-packages/heard/demo/demo.flac"))
        (box.root / "var/lib/heard-test/demo.flac").write_bytes(demo.read_bytes())
        source = '[[source]]\nname = "mic"\ninput = "file"\npath = "/var/lib/heard-test/demo.flac"\n'
        box.write("/etc/heard/heard.toml", source)
        box.do("systemctl", "start", "heard")
        heard = Daemon(box.child, box.root / RUNTIME_DIR.lstrip("/"))
        try:
            heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
            assert len(words(heard.finals("mic"))) > 3
        finally:
            heard.close()
        pid = box.shown("heard", "MainPID")[0]
        of_the_service, of_the_machine = (box.do("readlink", f"/proc/{each}/ns/net") for each in (pid, "1"))
        assert of_the_service != of_the_machine


def test_capture_alone_has_real_time_and_not_for_ever(box: Container) -> None:
    """The unit's filter of system calls allows both: the priority, and the limit after which it is lost.

    A container may not raise LimitRTPRIO, so what grants it here is a capability.
    """
    granted = {"AmbientCapabilities": "CAP_SYS_NICE", "CapabilityBoundingSet": "CAP_SYS_NICE"}
    with listening(box, unit=granted) as (_server, heard):
        box.do("systemctl", "start", "heard")
        heard.until(lambda: heard.bodies("transcript.partial.mic"), WAIT_S, "a first word")
        pids = stages(box)
        policies = {name: policy(box, pid) for name, pid in pids.items()}
        assert policies.pop("capture") == os.SCHED_RR
        assert set(policies.values()) == {os.SCHED_OTHER}
        limit = box.do("grep", "realtime timeout", f"/proc/{pids['capture']}/limits")
        assert limit.split()[-3:] == ["500000", "3000000", "us"]


def policy(box: Container, pid: int) -> int:
    """Return how a process is scheduled (proc(5), `stat`, field 41)."""
    return int(box.do("cat", f"/proc/{pid}/stat").rpartition(")")[2].split()[38])
