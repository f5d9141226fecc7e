"""Takes the directories and endpoints of a run: made, private, and this daemon's alone."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

from heard.guard import group_id
from heard.pipes import EndpointTakenError, claim, private_directory
from heard.settings import Settings
from heard.wire.endpoints import ipc_path, tcp_address


def take(settings: Settings) -> None:
    """Make what is missing and lock what is ours; it stays so until this process ends.

    Raises:
        EndpointTakenError: another daemon has the runtime directory or a socket.
        KeysUnusableError: there is no group of the name that sockets are to be open to.
        OSError: a directory cannot be made, or is not private.
    """
    group = group_id(settings.socket_group)
    runtime_dir = Path(settings.runtime_dir)
    private_directory(runtime_dir)
    private_directory(Path(settings.state_dir))
    claim(runtime_dir / "heard")
    for endpoint in (settings.control.endpoint, settings.publish.endpoint):
        if endpoint.startswith("tcp://"):
            _look_for_listener(endpoint)
            continue
        path = ipc_path(endpoint)
        private_directory(path.parent, group)
        claim(path)


def _look_for_listener(endpoint: str) -> None:
    """Try to listen at a tcp:// endpoint: here the reason can be told, in a child process it could not.

    Raises:
        EndpointTakenError: the port is taken, or the address is not this machine's.
    """
    host, port = tcp_address(endpoint)
    with closing(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EndpointTakenError(f"{endpoint}: {str(error.strerror).lower()}") from None
