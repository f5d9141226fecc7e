"""Which service hears which microphone, with a real PulseAudio in a booted systemd (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support.container import PREFIX, Container
from ..support.poll import until
from .service import WAIT_S, installed, state, told

HEARD = f"{PREFIX}/bin/heard"
HEARDCTL = f"{PREFIX}/bin/heardctl"
CONFIG = '[[source]]\nname = "mic"\ndevice = "default"\n'
SERVER = """[Service]
RuntimeDirectory=%N
ExecStart=pulseaudio -n --daemonize=no --exit-idle-time=-1 --disallow-exit \
 -L "module-native-protocol-unix socket=%t/%N/native{access}" \
 -L "module-null-sink sink_name=room"
"""
PLAYER = """[Service]
Environment=PULSE_SERVER=unix:%t/{server}/native
ExecStart=sh -c 'until pacat --raw --device=room /dev/urandom; do sleep 0.1; done'
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]


@pytest.fixture(name="box", scope="module")
def _box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with installed(tmp_path_factory.mktemp("container"), 250) as box:
        box.write("/etc/heard/heard.toml", CONFIG)
        yield box


def status_of(box: Container, *, user: str = "", **env: str) -> str:
    words = ("systemctl", "--user") if user else ("systemctl",)
    shown = box.run(*words, "show", "heard", "--property=StatusText", user=user, env=env)
    return shown.stdout.strip().removeprefix("StatusText=")


def test_a_sound_server_of_the_machine_is_heard_by_the_system_service(box: Container) -> None:
    """Through the whole sandbox, by the server's own protocol, which needs no memory that can be run."""
    box.write("/etc/systemd/system/machine-sound.service", SERVER.format(access=" auth-anonymous=1"))
    box.write("/etc/systemd/system/player.service", PLAYER.format(server="machine-sound"))
    drop_in = "[Service]\nEnvironment=PULSE_SERVER=unix:/run/machine-sound/native\n"
    box.write("/etc/systemd/system/heard.service.d/sound.conf", drop_in)
    box.do("systemctl", "daemon-reload")
    box.do("systemctl", "start", "machine-sound", "player", "heard", limit_s=60)
    try:
        until(lambda: "mic live at " in status_of(box), WAIT_S, "the microphone", interval_s=0.5)
        told(box, "heard", "mic: hearing default (room.monitor)")
    finally:
        box.do("systemctl", "stop", "heard", "machine-sound", "player")
        (box.root / "etc/systemd/system/heard.service.d/sound.conf").unlink()
        box.do("systemctl", "daemon-reload")


def test_a_session_s_sound_server_is_heard_by_that_session_s_service_alone(box: Container) -> None:
    """The system service is up and `degraded`: it looks for a device that it cannot reach."""
    box.do("useradd", "--create-home", "ann")
    uid = box.do("id", "-u", "ann").strip()
    box.do("loginctl", "enable-linger", "ann")
    until((box.root / f"run/user/{uid}/systemd/private").exists, WAIT_S, "the user's systemd")
    session = {"HOME": "/home/ann", "XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    units = "/home/ann/.config/systemd/user"
    box.do(*("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "mkdir", "-p", units))
    box.write(f"{units}/my-sound.service", SERVER.format(access=""))
    box.write(f"{units}/player.service", PLAYER.format(server="my-sound"))
    where = f"[Service]\nEnvironment=PULSE_SERVER=unix:/run/user/{uid}/my-sound/native\n"
    box.write(f"{units}/heard.service.d/sound.conf", where)
    box.write("/etc/systemd/system/heard.service.d/sound.conf", where)
    box.do("systemctl", "daemon-reload")
    installed_for_ann = box.run(HEARD, "install-service", user="ann", env=session)
    assert installed_for_ann.code == 0, installed_for_ann.stderr
    box.write("/home/ann/.config/heard/heard.toml", CONFIG)

    def ann(*argv: str) -> None:
        done = box.run("systemctl", "--user", *argv, user="ann", env=session, limit_s=60)
        assert done.code == 0, done.stderr

    ann("daemon-reload")
    ann("start", "my-sound", "player", "heard")
    until(lambda: "mic live at " in status_of(box, user="ann", **session), WAIT_S, "ann's microphone")
    box.do("systemctl", "start", "heard", limit_s=60)
    assert state(box) == "active"
    until(lambda: status_of(box).startswith("degraded: mic lost"), WAIT_S, "the status line")
    box.do("systemctl", "stop", "heard")
    ann("stop", "heard", "my-sound", "player")
