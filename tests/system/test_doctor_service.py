"""`heard doctor` asks a real systemd, the manager of a user, about units that are broken."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from heard.doctor.finding import State

from ..support.poll import until
from .examined import Report, asked, written
from .running import folder

# A manager for one command: control groups, /run and the directory of units are its own, and go with it.
MANAGER = """
set -e
units=$1 group=/sys/fs/cgroup/$2; shift 2
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 heard-test /sys/fs/cgroup
mount -t tmpfs heard-test /run
mkdir -p /run/systemd/system /run/me/systemd
chmod 700 /run/me
cp -r "$units" /run/me/systemd/user
export XDG_RUNTIME_DIR=/run/me SYSTEMD_LOG_TARGET=null
unset DBUS_SESSION_BUS_ADDRESS NOTIFY_SOCKET
mkdir $group
echo $$ > $group/cgroup.procs
/lib/systemd/systemd --user </dev/null >/dev/null 2>&1 &
manager=$!
for _ in $(seq 600); do [ -S /run/me/systemd/private ] && break; sleep 0.05; done
systemctl --user start heard 2>/dev/null || true
status=0
"$@" || status=$?
systemctl --user stop heard 2>/dev/null || true
kill -9 $manager
wait $manager 2>/dev/null || true
exit $status
"""
ALONE = ("unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child")


@cache
def manager_missing() -> str | None:
    """Return why no manager can be run here, None where one can."""
    if shutil.which("unshare") is None or not Path("/lib/systemd/systemd").exists():
        return "unshare or systemd is not installed"
    group = "mount -t cgroup2 heard-test /mnt && mkdir /mnt/heard-test && rmdir /mnt/heard-test"
    tried = subprocess.run(
        [*ALONE, "sh", "-c", group], capture_output=True, text=True, timeout=60, check=False
    )
    return f"a control group of one's own: {tried.stderr.strip()}" if tried.returncode else None


def remove_group(name: str) -> None:
    """Remove the control group, which outlives its processes."""
    script = 'mount -t cgroup2 heard-test /mnt && cd /mnt && find "$1" -depth -type d -exec rmdir {} +'
    argv = [*ALONE, "sh", "-c", script, "remove", name]

    def removed() -> bool:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0 or "No such file" in done.stderr

    until(removed, 60, "the end of the manager's control group")


@pytest.fixture(name="place")
def _place() -> Iterator[Path]:
    if (missing := manager_missing()) is not None:
        pytest.skip(missing)
    with folder() as place:
        yield place


def with_unit(place: Path, service: str) -> Report:
    """Return the report where the user's unit has this [Service] section, and was started."""
    units = place / "units"
    units.mkdir(exist_ok=True)
    (units / "heard.service").write_text(f"[Service]\n{service}\n")
    config = written(place, upstream={"service": "assemblyai", "url": "ws://127.0.0.1:9/v3/ws"})
    group = f"heard-test-{place.name}"
    try:
        report = asked(config, prefix=[*ALONE, "bash", "-c", MANAGER, "manager", str(units), group])
    finally:
        remove_group(group)
    return report


@pytest.mark.parametrize(
    ("service", "state", "found", "fix"),
    [
        (
            "ExecStart=/bin/sh -c 'exit 2'",
            State.FAULT,
            "exit status 2: the configuration is wrong",
            "heard config check; then systemctl --user reset-failed heard",
        ),
        pytest.param(
            *(f"ExecStart={sys.executable} -c 'import time; time.sleep(60)'", State.OK, "running", ""),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("ExecStart=/nowhere/heard run", State.FAULT, "203", "install-service"), marks=pytest.mark.slow
        ),
        pytest.param(
            *("ExecStart=/bin/sh -c 'kill -9 $$$$'", State.FAULT, "ended by signal 9", "journalctl --user"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("Type=simple", State.FAULT, "bad-setting", "systemd-analyze verify"), marks=pytest.mark.slow
        ),
    ],
)
def test_a_unit_of_the_user(place: Path, service: str, state: State, found: str, fix: str) -> None:
    """Refused configuration, no program, killed, running, unreadable: as systemd itself tells it."""
    finding = with_unit(place, service).of("service")
    assert finding.state is state, finding
    assert found in finding.found
    assert fix in finding.fix


@pytest.mark.slow
def test_a_key_that_the_unit_gives(place: Path) -> None:
    """Nobody but the service sees it: no fault, and the property is named as systemd tells it."""
    credential = f"LoadCredential=assemblyai-api-key:{place}/key"
    (place / "key").write_text("a key")
    finding = with_unit(place, f"ExecStart=/bin/sleep 60\n{credential}").of("key")
    assert finding.state is State.WARNING
    assert credential in finding.found
    (place / "key").unlink()
    finding = with_unit(place, f"ExecStart=/bin/sleep 60\n{credential}").of("key")
    assert finding.state is State.FAULT
    assert f"sudo install -D -m 600 /dev/stdin {place}/key" in finding.fix
