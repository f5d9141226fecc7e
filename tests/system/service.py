"""heard as the service of a booted container: installed by its own command, hearing a server of the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..support.container import Container, container, forbidden
from ..support.poll import until
from ..support.v3_server import Plan, V3Server, v3_server
from .coded import recording
from .running import Body, Daemon, configuration

KEY = "canary-5ab1e"
CREDENTIAL = "/etc/credstore/assemblyai-api-key"
RUNTIME_DIR = "/run/heard"
RECORDING = "/var/lib/heard-test/coded.wav"
WAIT_S = 40.0


@contextmanager
def installed(folder: Path, limit_s: float) -> Iterator[Container]:
    """Boot a container with heard installed as its system service; skip where that is forbidden."""
    if reason := forbidden():
        pytest.skip(f"needs a booted systemd: {reason}")
    with container(folder, limit_s) as box:
        box.do("/opt/heard/bin/heard", "install-service", "--system")
        place = box.root / RECORDING.lstrip("/")
        place.parent.mkdir(parents=True)
        place.write_bytes(recording(folder, 120).read_bytes())
        box.write(CREDENTIAL, KEY + "\n", 0o600)
        yield box


@contextmanager
def listening(
    box: Container, *plans: Plan, unit: Mapping[str, str] | None = None, **upstream: object
) -> Iterator[tuple[V3Server, Daemon]]:
    """Run a server in the container's network and configure heard for it; yield it and heard's clients.

    The service is not started, and is stopped at the end. `unit` is laid over its [Service] section.
    """
    with v3_server(*plans, listening=box.listener()) as server:
        server.key = KEY
        configure(box, server.url, **upstream)
        drop_in = "".join(f"{name}={value}\n" for name, value in (unit or {}).items())
        box.write("/etc/systemd/system/heard.service.d/test.conf", f"[Service]\n{drop_in}")
        box.do("systemctl", "daemon-reload")
        client = Daemon(box.child, box.root / RUNTIME_DIR.lstrip("/"))
        try:
            yield server, client
        finally:
            client.close()
            box.run("systemctl", "stop", "heard.socket", "heard.service")
            box.run("systemctl", "reset-failed", "heard.service", "heard.socket")
            box.run("systemctl", "clean", "--what=runtime", "--what=state", "heard.service")


def configure(box: Container, url: str, **upstream: object) -> None:
    """Write the configuration: the numbered recording at its own pace, bit-exact, to `url`."""
    service = {
        "service": "assemblyai",
        "url": url,
        "sessions_per_minute": 1000,
        "connect_timeout_s": 2,
        **upstream,
    }
    source = {"name": "mic", "input": "file", "path": RECORDING, "denoise": {"backend": "off"}}
    text = configuration(Path(RUNTIME_DIR), [source], upstream=service)
    # Both directories are systemd's to name.
    own = [line for line in text.splitlines() if not line.startswith(("runtime_dir", "state_dir"))]
    box.write("/etc/heard/heard.toml", "\n".join(own) + "\n")


def state(box: Container) -> str:
    """Return the state of the service, as `systemctl is-active` says it."""
    return box.run("systemctl", "is-active", "heard").stdout.strip()


def stop(box: Container, heard: Daemon) -> Body:
    """Stop the service, and listen to its last status, in which all is settled; return that.

    What was settled was published before, to the last word.
    """
    box.do("systemctl", "stop", "heard")

    def last() -> Body | None:
        newest = heard.bodies("status")[-1]
        settled = all(source["ledger"]["pending"] == 0 for source in newest["sources"].values())
        return newest if newest["state"] == "draining" and settled else None

    heard.until(last, WAIT_S, "the last status")
    return heard.bodies("status")[-1]


def told(box: Container, unit: str, line: str) -> None:
    """Wait for a line in the journal of a unit, which is written by a process of its own."""
    try:
        until(lambda: line in box.journal(unit), WAIT_S, f"{line!r} in the journal", interval_s=0.2)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{box.journal(unit)}") from None


def main_pid(box: Container) -> int:
    """Return the main process, numbered as inside the container."""
    return int(box.shown("heard", "MainPID")[0])


def stages(box: Container) -> dict[str, int]:
    """Return the pid of each process, as the daemon's status says."""
    printed = box.do("/opt/heard/bin/heardctl", "status", "--format", "json")
    return {name: each["pid"] for name, each in json.loads(printed)["processes"].items()}


def wait_for(box: Container, wanted: str, limit_s: float = WAIT_S) -> None:
    """Wait for a state of the service.

    Raises:
        TimeoutError: it did not come; with the journal.
    """
    try:
        until(lambda: state(box) == wanted, limit_s, f"heard to be {wanted}", interval_s=0.1)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{box.journal('heard')}") from None
