"""What can go wrong between a client and the daemon. Every text is one line for a person.

HeardError
├── EndpointError             an address or the file that should name it is wrong: ours to mend
├── DaemonNotRunningError     nobody listens there
├── NoReplyError              somebody does, but did not answer in time
├── BadReplyError             the answer was no reply of heard's protocol
└── ControlRefusedError       the daemon answered with an error and its code
"""

from __future__ import annotations

from heard.wire.control import Code


class HeardError(Exception):
    """Base of all errors of this package."""


class EndpointError(HeardError):
    """An endpoint cannot be used as written, or the configuration that names it cannot be read."""


class DaemonNotRunningError(HeardError):
    """No daemon listens on the control socket."""


class NoReplyError(HeardError):
    """The daemon is there but did not answer in time."""


class BadReplyError(HeardError):
    """What came back is no reply of this protocol: something else listens there."""


class ControlRefusedError(HeardError):
    """The daemon answered a request with an error: `code`, and `message` with what would be right."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message or str(code))
        self.code = code
        self.message = message
