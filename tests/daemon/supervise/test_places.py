"""Directories and endpoints of a run are taken before anything else."""

import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from heard.guard import KeysUnusableError
from heard.pipes import EndpointTakenError
from heard.settings import Control, Publish, Settings
from heard.supervise.places import take


def settings(folder: Path, control: str, group: str = "") -> Settings:
    return Settings(
        runtime_dir=str(folder / "run"),
        state_dir=str(folder / "state"),
        socket_group=group,
        control=Control(endpoint=control),
        publish=Publish(endpoint=f"ipc://{folder}/run/transcripts"),
    )


def test_directories_are_private_and_paths_are_locked(tmp_path: Path) -> None:
    """A second run of the same places is told which."""
    wanted = settings(tmp_path, f"ipc://{tmp_path}/elsewhere/control")
    take(wanted)
    for name in ("run", "state", "elsewhere"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o700
    for name in ("run/heard.lock", "run/transcripts.lock", "elsewhere/control.lock"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with pytest.raises(EndpointTakenError, match="in use by another heard daemon"):
        take(wanted)


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_a_port_is_tried(tmp_path: Path, address: str) -> None:
    """One that somebody listens at is told with the reason; a free one is left alone."""
    family = socket.AF_INET6 if "[" in address else socket.AF_INET
    with closing(socket.create_server((address.strip("[]"), 0), family=family)) as listener:
        endpoint = f"tcp://{address}:{listener.getsockname()[1]}"
        with pytest.raises(EndpointTakenError, match="address already in use"):
            take(settings(tmp_path / "first", endpoint))
    take(settings(tmp_path / "second", endpoint))


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(EndpointTakenError, match=r"192\.0\.2\.7:5570: cannot assign requested address"):
        take(settings(tmp_path, "tcp://192.0.2.7:5570"))


def test_a_group_that_there_is_not(tmp_path: Path) -> None:
    """Told before anything is made."""
    with pytest.raises(KeysUnusableError, match="no such group"):
        take(settings(tmp_path, f"ipc://{tmp_path}/run/control", "no-such-group"))
    assert list(tmp_path.iterdir()) == []
