"""What can go wrong, and whose fault it is.

RecognizerError
├── StartError        we cannot start: one line for the user and an exit code
└── ClientError       the client broke a rule: an Error message, then a close frame
"""

FAILURE = 1
USAGE = 2

INSTALL_LOCAL = "pip install 'heard[local]'"


class RecognizerError(Exception):
    """Base of this package's errors."""


class StartError(RecognizerError):
    """The server cannot start; the text is one line that says what would be right.

    Args:
        text: for standard error.
        exit_code: 1 for a failure of the machine, 2 for a mistake in the command.
    """

    def __init__(self, text: str, *, exit_code: int = FAILURE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class ClientError(RecognizerError):
    """The client broke a rule of the protocol, and the session ends.

    Args:
        code: websocket close code, also `error_code` of the Error message.
        text: `error` of the Error message.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
