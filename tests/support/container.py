"""A booted systemd for a test: `systemd-nspawn --boot` over an overlay of this machine.

What the container writes goes to memory and is gone with it; nothing of the machine changes. It has a network
of its own with loopback alone. heard stands in /opt/heard there, where a service can read it: the
packages are those of the environment that runs the tests.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
import sysconfig
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path

from . import processes
from .namespace import private
from .poll import until
from .processes import Child, Finished, started

BOOT_S = 60.0
COMMAND_S = 60.0
PREFIX = Path("/opt/heard")
PYTHON = Path("/opt/python")
TARGET = "heard-test.target"
_NEWNET = 0x40000000  # CLONE_NEWNET of <linux/sched.h>
_TARGET_UNIT = """[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
"""
_BOOT = """
set -eu
base=$1; shift
mount -t tmpfs -o size=1g heard-test "$base"
mkdir "$base/upper" "$base/work" "$base/root"
cp -a "$SEED/." "$base/upper/"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" heard-test "$base/root"
exec "$@" "--directory=$base/root"
"""


@cache
def forbidden() -> str | None:
    """Return why no container can be booted here, None where it can."""
    if os.geteuid() != 0:
        return "booting a container takes root"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is missing (Debian package systemd-container)"
    if private() is None:
        return "no private mount namespace is to be had"
    overlay = (
        "set -e; mount -t tmpfs t /mnt; mkdir /mnt/u /mnt/w /mnt/r; "
        "mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w o /mnt/r"
    )
    tried = processes.run(["unshare", "--mount", "sh", "-c", overlay], limit_s=30)
    return f"no overlay over / is to be had: {tried.stderr.strip()}" if tried.code else None


class Container:
    """A running container; made by `container`."""

    def __init__(self, child: Child, leader: int) -> None:
        self.child = child
        self.leader = leader
        self.root = Path(f"/proc/{leader}/root")
        """Its files, seen from here."""
        self._enter = ("nsenter", "--target", str(leader), "--all", "--root", "--wd")

    def run(
        self, *argv: str, user: str = "", limit_s: float = COMMAND_S, env: Mapping[str, str] | None = None
    ) -> Finished:
        """Run a command inside, as root or as `user`, and return how it ended."""
        inside = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "SYSTEMD_PAGER": "",
            **(env or {}),
        }
        words = ["env", "-i", *(f"{name}={value}" for name, value in inside.items())]
        if user:
            group = self.do("id", "-g", user).strip()
            words += ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return processes.run([*self._enter, *words, *argv], limit_s=limit_s)

    def start(self, *argv: str, limit_s: float) -> AbstractContextManager[Child]:
        """Start a command inside as root, for as long as a block; see `processes.started`."""
        return started([*self._enter, *argv], limit_s=limit_s)

    def do(self, *argv: str, limit_s: float = COMMAND_S) -> str:
        """Run a command inside that has to succeed; return what it printed."""
        finished = self.run(*argv, limit_s=limit_s)
        assert finished.code == 0, f"{argv}: {finished.code}\n{finished.stdout}{finished.stderr}"
        return finished.stdout

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file inside, as root."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch(mode=mode)
        place.chmod(mode)
        place.write_text(text, encoding="utf-8")

    def listener(self) -> socket.socket:
        """Return a socket that listens on the container's 127.0.0.1, on a port of the kernel's choice."""
        made: list[socket.socket] = []

        def make() -> None:
            # Of this thread alone, which ends with it.
            with Path(f"/proc/{self.leader}/ns/net").open(encoding="ascii") as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_server(("127.0.0.1", 0)))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join(COMMAND_S)
        return made.pop()

    def shown(self, unit: str, *properties: str) -> list[str]:
        """Return properties of a unit, in the order asked for."""
        asked = [f"--property={each}" for each in properties]
        lines = self.do("systemctl", "show", unit, *asked).splitlines()
        values = dict(line.partition("=")[::2] for line in lines if line)
        return [values[each] for each in properties]

    def journal(self, unit: str) -> str:
        """Return what the journal has of a unit since the boot."""
        return self.do("journalctl", "--no-pager", "--output=short-monotonic", f"--unit={unit}")


@contextmanager
def container(folder: Path, limit_s: float) -> Iterator[Container]:
    """Boot one for as long as the block. `folder` is for what it begins with.

    Raises:
        TimeoutError: it did not come up; the text has what it said.
    """
    seed, base = folder / "seed", folder / "base"
    base.mkdir()
    binds = _seed(seed)
    nspawn = [
        *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network"),
        *(f"--machine=heard-test-{os.getpid()}", "--console=pipe", "--link-journal=no"),
        *(f"--bind-ro={here}:{there}" for here, there in binds.items()),
    ]
    # The boot's own arguments come last, behind --directory, which the script adds.
    script = _BOOT.rstrip() + f" systemd.unit={TARGET}\n"
    # It goes with the tests, however they end.
    alive = ["setpriv", "--pdeathsig", "TERM"]
    argv = [*alive, "unshare", "--mount", "sh", "-c", script, "boot", str(base), *nspawn]
    with started(argv, limit_s=limit_s, env={**os.environ, "SEED": str(seed)}) as child:
        leader = until(lambda: _leader(child), BOOT_S, f"the container's first process\n{child.tail()}")
        assert leader is not None
        inside = Container(child, leader)
        until(lambda: _up(inside), BOOT_S, "the container to be up")
        inside.do("ldconfig")
        try:
            yield inside
        finally:
            # An orderly halt lets nspawn take down what it made; what is left is killed with the child.
            inside.run("systemctl", "halt", "--force", "--force")


def _leader(child: Child) -> int | None:
    """Return the pid, as seen from here, of the container's first process."""
    if not child.running:
        raise AssertionError(f"the container ended while it booted\n{child.tail()}")
    for pid in map(int, _children(child.pid)):
        # The script's own commands come and go meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            if _comm(pid) == "systemd":
                return pid
    return None


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


def _comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def _up(inside: Container) -> bool:
    return inside.run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")


def _seed(seed: Path) -> dict[Path, Path]:
    """Write the files that the container has over this machine's; return what is bound from here to there."""
    version = sysconfig.get_python_version()
    base = Path(sys.base_prefix)
    binds = {Path(sysconfig.get_path("purelib")): PREFIX / f"lib/python{version}/site-packages"}
    binds[Path(sys.prefix) / "share/heard"] = PREFIX / "share/heard"
    python = base
    if base.parts[1] in ("root", "home"):
        # No service could read it there.
        python = PYTHON
        binds[base] = python
        _write(seed / "etc/ld.so.conf.d/heard-test.conf", f"{python}/lib\n")
    prefix = seed / PREFIX.relative_to("/")
    for place in binds.values():
        (seed / place.relative_to("/")).mkdir(parents=True)
    _write(prefix / "pyvenv.cfg", f"home = {python}/bin\ninclude-system-site-packages = false\n")
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(python / f"bin/python{version}")
    for name, module in (("heard", "heard"), ("heardctl", "heard_client")):
        script = f"#!{PREFIX}/bin/python\nimport sys\nfrom {module}.cli import main\nsys.exit(main())\n"
        _write(prefix / "bin" / name, script, 0o755)
    _write(seed / "etc/systemd/system" / TARGET, _TARGET_UNIT)
    _write(seed / "etc/machine-id", "68656172642d746573742d636f6e7400\n")
    return binds


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
