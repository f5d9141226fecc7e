"""A private mount namespace for a child: what is mounted there nobody else sees, and it goes with the child.

Root makes one as it is; an ordinary user gets one with a user namespace, where the machine allows those.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

ASK_S = 30.0
_WAYS = (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user"))


@cache
def private() -> tuple[str, ...] | None:
    """Return the words that run a command in such a namespace, None where the machine forbids it."""
    if shutil.which("unshare") is None:
        return None
    for way in _WAYS:
        tried = subprocess.run(
            [*way, "mount", "-t", "tmpfs", "-o", "size=64k", "heard-test", "/mnt"],
            timeout=ASK_S,
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return way
    return None


def mounting(*mounts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words that run a command where these mounts, each the words of `mount`, were made.

    Raises:
        RuntimeError: the machine forbids it.
    """
    way = private()
    if way is None:
        raise RuntimeError(
            "a private mount namespace is needed: be root, or allow user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)"
        )
    words = list(way)
    for mount in mounts:
        # Each mounts something, then becomes the command behind it.
        count = len(mount)
        script = f'mount "${{@:1:{count}}}" && shift {count} && exec "$@"'
        words += ["bash", "-c", script, "mounting", *mount]
    return tuple(words)


def seen_by(pid: int, path: Path) -> Path:
    """Return where a file of a process's own mounts is reached from outside, while the process lives."""
    return Path(f"/proc/{pid}/root{path}")
