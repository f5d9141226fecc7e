"""`heard doctor` and the journal in a booted systemd."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ..support.container import Container
from .service import CREDENTIAL, WAIT_S, installed, listening, wait_for

pytestmark = pytest.mark.slow

HEARD = "/opt/heard/bin/heard"
CONFIG = "/etc/heard/heard.toml"


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with installed(tmp_path_factory.mktemp("container"), 110) as box:
        yield box


def report(box: Container, *, user: str = "heard") -> dict[str, dict[str, str]]:
    """Return what the doctor says as the service's user, by its checks."""
    asked = box.run(HEARD, "doctor", "--config", CONFIG, "--format", "json", user=user)
    assert "Traceback" not in asked.stderr, asked.stderr
    return {each["check"]: each for each in json.loads(asked.stdout)}


def test_the_service_before_while_and_after_it_runs(box: Container) -> None:
    """Not started, running, refused; its directories are systemd's to make, its key is not to be seen."""
    with listening(box) as (_server, heard):
        found = report(box)
        assert found["service"]["state"] == "warning"
        assert "systemctl enable --now heard" in found["service"]["fix"]
        assert found["runtime_dir"]["state"] == "ok", found["runtime_dir"]
        assert found["key"]["state"] == "warning"
        assert "LoadCredential=assemblyai-api-key" in found["key"]["found"]

        box.do("systemctl", "start", "heard")
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        assert "not after a reboot" in report(box)["service"]["found"]
        box.do("systemctl", "enable", "heard")
        found = report(box)
        assert found["control"]["state"] == "ok", found["control"]
        assert found["daemon"]["state"] == "ok", found["daemon"]
        assert "ready: mic live" in found["service"]["found"]
        box.do("systemctl", "stop", "heard")

        box.write(CONFIG, "[capture]\nblock_ms = 7\n")
        box.run("systemctl", "start", "heard")
        wait_for(box, "failed")
        found = report(box)
        assert "exit status 2: the configuration is wrong" in found["service"]["found"]
        assert "heard config check" in found["service"]["fix"]
        assert "capture.block_ms = 7" in found["config"]["found"]


def test_a_credential_whose_file_is_not_there(box: Container) -> None:
    """As root, who can see that it is not: a fault, and the command that puts it there."""
    with listening(box):
        box.do("mv", CREDENTIAL, f"{CREDENTIAL}.away")
        try:
            found = report(box, user="root")["key"]
        finally:
            box.do("mv", f"{CREDENTIAL}.away", CREDENTIAL)
    assert found["state"] == "fault"
    assert f"sudo install -D -m 600 /dev/stdin {CREDENTIAL}" in found["fix"]


def test_the_journal_knows_what_is_a_warning(box: Container) -> None:
    """A process that is killed is one; what is INFO is not among them, and no line shows its mark."""
    with listening(box) as (_server, heard):
        box.do("systemctl", "start", "heard")
        heard.until(lambda: heard.finals("mic"), WAIT_S, "a final")
        box.do("pkill", "-KILL", "-f", "heard.denoise")

        def warned() -> str:
            return box.do("journalctl", "-u", "heard", "-p", "warning", "-o", "cat")

        heard.until(lambda: "supervise: denoise ended" in warned(), WAIT_S, "the line")
        everything = box.do("journalctl", "-u", "heard", "-o", "cat")
        assert "supervise: ready: " in everything
        assert "supervise: ready: " not in warned()
        assert "<4>" not in everything
        assert "<6>" not in everything
