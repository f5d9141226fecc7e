"""Where the daemon is that a command is to talk to."""

from __future__ import annotations

from heard.cli.fail import FAILURE, NOT_RUNNING, USAGE, Failure
from heard_client import Control, DaemonNotRunningError, EndpointError, Endpoints, HeardError, find_endpoints


def asked(control: str | None, transcripts: str | None) -> Endpoints:
    """Return the daemon's sockets as given or found, the publish socket as a running daemon says.

    Raises:
        Failure: an address cannot be used, or only a daemon that does not answer would know.
    """
    try:
        found = find_endpoints(control, transcripts)
        if transcripts is not None:
            return found
        try:
            with Control(found.control) as daemon:
                return Endpoints(transcripts=daemon.hello().transcripts, control=found.control)
        except DaemonNotRunningError as error:
            if control is not None:
                # Where another daemon than the configured one publishes, only that one knows.
                text = f"{error}, or name its publish socket too: --transcripts"
                raise Failure(text, NOT_RUNNING) from None
            return found
    except EndpointError as error:
        raise Failure(str(error), USAGE) from None
    except HeardError as error:
        raise Failure(str(error), FAILURE) from None
