"""`python -m heard.capture.devices`: the inputs as JSON on stdout.

A program of its own, because sound systems may hang while they look, and PortAudio lists only what was there
when it was initialised: whoever wants to know starts this one, with a time limit. Exit status 1, and one line
on stderr, where there is nobody to ask; a line on stderr, too, where PortAudio could add nothing to the list.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TypedDict

from heard.capture.lost import DEFAULT, InputLostError
from heard.capture.portaudio import inputs
from heard.capture.pulse import NoServerError, Server

ANSWER_S = 3.0


class Row(TypedDict):
    """One input, by the name that `device =` accepts; `description` is for people."""

    name: str
    kind: str
    channels: int
    default_rate_hz: int
    default: bool
    description: str


def served() -> list[Row]:
    """Return the sources of the sound server, the monitors of its outputs among them.

    Raises:
        InputLostError: there is none, or it does not answer.
    """
    server = Server(ANSWER_S)
    default = server.default_source(ANSWER_S)
    return [
        Row(
            name=source.name,
            kind="monitor" if source.monitor else "input",
            channels=source.channels,
            default_rate_hz=source.rate_hz,
            default=source.name == default,
            description=source.description,
        )
        for source in server.sources(ANSWER_S)
    ]


def listed() -> tuple[list[Row], str]:
    """Return the inputs, and why PortAudio could add none ("" where it could).

    The sound server's come first, then those that PortAudio knows by other names.

    Raises:
        InputLostError: there is neither.
    """
    rows: list[Row] = []
    problem: InputLostError | None = None
    lacking = ""
    try:
        rows = served()
    except InputLostError as error:
        problem = error
    known = {row["name"] for row in rows}
    has_default = any(row["default"] for row in rows)
    try:
        for device in inputs():
            if device.name not in known and not (rows and device.name == DEFAULT):
                rows.append(
                    Row(
                        name=device.name,
                        kind=device.kind,
                        channels=device.channels,
                        default_rate_hz=device.default_rate_hz,
                        default=device.default and not has_default,
                        description="by way of PortAudio",
                    )
                )
    except InputLostError as error:
        if problem is not None:
            raise error from None
        lacking = str(error)
    if not rows and problem is not None and not isinstance(problem, NoServerError):
        raise InputLostError(f"{problem}: restart PipeWire or PulseAudio")
    return rows, lacking


def main() -> int:
    """Print the list; return the exit status."""
    try:
        rows, lacking = listed()
    except InputLostError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if lacking:
        sys.stderr.write(f"{lacking}\n")
    sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Ending PortAudio may hang as well.
    os._exit(status)
