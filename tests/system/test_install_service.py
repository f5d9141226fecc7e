"""`heard install-service` in a booted systemd: what it writes, what it leaves alone, the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from ..support.container import PREFIX, Container, container, forbidden
from ..support.poll import until
from ..support.processes import Finished

HEARD = f"{PREFIX}/bin/heard"
HOME = "/root"
HIDDEN = f"{HOME}/heard"
SYSTEM = (
    "/etc/sysusers.d/heard.conf",
    "/etc/tmpfiles.d/heard.conf",
    "/etc/heard/heard.toml",
    "/etc/systemd/system/heard.service",
    "/etc/systemd/system/heard.socket",
)
SOURCE = '[[source]]\nname = "mic"\ninput = "file"\npath = "/var/lib/demo.flac"\nloop = true\n'


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    if reason := forbidden():
        pytest.skip(f"needs a booted systemd: {reason}")
    with container(tmp_path_factory.mktemp("container"), 400) as box:
        yield box


def there(box: Container) -> set[str]:
    return {path for path in SYSTEM if (box.root / path.lstrip("/")).exists()}


def test_a_dry_run_says_all_and_does_nothing(box: Container) -> None:
    """One line for each step, also for a user who may not do it."""
    asked = box.run(HEARD, "install-service", "--system", "--dry-run", user="nobody")
    assert (asked.code, asked.stderr) == (0, "")
    written = [line for line in asked.stdout.splitlines() if "write" in line]
    assert written == [f"would write {path}" for path in SYSTEM]
    assert "would run systemctl daemon-reload" in asked.stdout
    assert there(box) == set()


def test_installed_and_undone(box: Container) -> None:
    """Twice is once; a configuration is the user's; what was changed is kept, everything else removed."""
    first = box.do(HEARD, "install-service", "--system")
    assert there(box) == set(SYSTEM)
    assert "sudo systemctl enable --now heard" in first
    assert "audio" in box.do("id", "heard")
    again = box.do(HEARD, "install-service", "--system")
    assert "write" not in again
    assert "keep /etc/heard/heard.toml: it is yours" in again

    box.write("/etc/systemd/system/heard.socket", "[Socket]\n")
    refused = box.run(HEARD, "install-service", "--system")
    assert refused.code == 2
    assert refused.stderr.startswith("heard: /etc/systemd/system/heard.socket: was not written by this")
    box.do("rm", "/etc/systemd/system/heard.socket")
    assert "write /etc/systemd/system/heard.socket" in box.do(HEARD, "install-service", "--system")

    box.write("/etc/heard/heard.toml", SOURCE)
    undone = box.do(HEARD, "install-service", "--system", "--uninstall")
    assert there(box) == {"/etc/heard/heard.toml"}
    assert "keep /etc/heard/heard.toml: it was changed since it was installed" in undone
    assert "userdel heard" in undone
    box.do("rm", "-r", "/etc/heard")
    nothing = box.run(HEARD, "install-service", "--system", "--uninstall")
    assert (nothing.code, nothing.stderr.count("\n")) == (1, 1)
    assert "has installed no system service" in nothing.stderr


def test_refusals(box: Container) -> None:
    """One line that says what would be right: no root, an environment that no service can read."""
    unprivileged = box.run(HEARD, "install-service", "--system", user="nobody")
    assert (unprivileged.code, unprivileged.stderr.count("\n")) == (2, 1)
    assert "run it as root" in unprivileged.stderr
    no_session = box.run(HEARD, "install-service", "--user", user="nobody")
    assert (no_session.code, no_session.stderr.count("\n")) == (1, 1)
    assert "loginctl enable-linger" in no_session.stderr

    box.do("mkdir", HIDDEN)
    box.do("cp", "-a", f"{PREFIX}/bin", f"{PREFIX}/pyvenv.cfg", HIDDEN)
    box.do("ln", "-s", f"{PREFIX}/lib", f"{HIDDEN}/lib")
    hidden = box.run(f"{HIDDEN}/bin/python", "-m", "heard", "install-service", "--system")
    assert (hidden.code, hidden.stderr.count("\n")) == (2, 1)
    assert f"{HIDDEN}/bin is below {HOME}, which the service's sandbox hides" in hidden.stderr
    assert "python3 -m venv /opt/heard" in hidden.stderr
    assert there(box) == set()


@pytest.mark.slow
def test_a_user_service(box: Container) -> None:
    """For a user's own session: installed, started, reloaded, stopped and removed without root."""
    box.do("useradd", "--create-home", "ann")
    uid = box.do("id", "-u", "ann").strip()
    box.do("loginctl", "enable-linger", "ann")
    session = {"HOME": "/home/ann", "XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    until((box.root / f"run/user/{uid}/systemd/private").exists, 20, "the user's systemd")
    demo = next((box.root / PREFIX.relative_to("/")).glob("lib/*/site-packages/heard/demo/demo.flac"))
    (box.root / "var/lib/demo.flac").write_bytes(demo.read_bytes())

    def ann(*argv: str, env: Mapping[str, str] = session) -> Finished:
        finished = box.run(*argv, user="ann", env=env)
        assert finished.code == 0, finished.stdout + finished.stderr
        return finished

    ann(HEARD, "install-service")
    box.write("/home/ann/.config/heard/heard.toml", SOURCE)
    ann("systemctl", "--user", "start", "heard")
    assert " ready " in ann(f"{PREFIX}/bin/heardctl", "status").stdout
    ann("systemctl", "--user", "reload", "heard")
    shown = ann("systemctl", "--user", "show", "heard", "--property=StatusText").stdout
    assert shown.startswith("StatusText=ready: mic live at ")
    ann("systemctl", "--user", "stop", "heard")
    ann(HEARD, "install-service", "--uninstall")
    left = ann("find", "/home/ann/.config", "-type", "f").stdout.split()
    assert left == ["/home/ann/.config/heard/heard.toml"]
