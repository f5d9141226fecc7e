"""Which exit code an error becomes (docs/wire.md does not say; the commands' contract does)."""

from __future__ import annotations

from heard_client.errors import DaemonNotRunningError, EndpointError, HeardError

EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_RUNNING = 3
EXIT_INTERRUPTED = 130


def exit_code(error: HeardError) -> int:
    """Return the exit code for `error`."""
    match error:
        case DaemonNotRunningError():
            return EXIT_NOT_RUNNING
        case EndpointError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILURE
