"""What a far side can answer other than yes. Every text is one line for a person.

FarSideError
├── RefusedError      it will never take this message: it is given up, and said
└── StartError        nothing can be delivered until a person has changed something: the bridge ends
"""

from __future__ import annotations

FAILURE = 1
USAGE = 2
CREDENTIALS = 4


class FarSideError(Exception):
    """Base of all errors of this package."""


class RefusedError(FarSideError):
    """The far side refuses one message, and would again."""


class StartError(FarSideError):
    """The bridge cannot work as it is set up; `exit_code` is the command's."""

    def __init__(self, text: str, exit_code: int = FAILURE) -> None:
        super().__init__(text)
        self.exit_code = exit_code
