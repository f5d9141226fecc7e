"""The log of a process: lines for people and the journal, or JSON for collectors; floods are counted."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Literal

from heard.logs.lines import Json, Line
from heard.logs.rated import Rated

Format = Literal["text", "json"]

CHATTY = ("websocket", "websockets", "matplotlib", "asyncio")
"""Libraries whose lines below a warning are not ours to print."""


def set_up(process: str, level: str = "info", form: Format = "text") -> None:
    """Send the log of this process to stderr, each line naming `process`.

    level: "debug", "info", "warning" or "error". Where stderr is the journal's, each line carries its
    priority, and the text form no clock, which the journal has itself.
    """
    handler = logging.StreamHandler(sys.stderr)
    to_journal = is_journal(os.environ, sys.stderr.fileno())
    maker = Json if form == "json" else Line
    handler.setFormatter(maker(process, journal=to_journal))
    handler.addFilter(Rated())
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Log what is of `level` or above from now on."""
    logging.getLogger().setLevel(level.upper())


def is_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Whether `descriptor` is the stream that $JOURNAL_STREAM names as DEVICE:INODE (systemd.exec(5)).

    The variable is inherited by what a service starts, whose stderr may well be a file.
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))
