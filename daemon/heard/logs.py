"""Log lines: plain, each naming its process; with a priority prefix under the systemd journal."""

from __future__ import annotations

import logging
import os
import sys

# sd-daemon(3): "<N>" at the start of a line is its syslog priority.
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class _Line(logging.Formatter):
    def __init__(self, process: str, *, journal: bool) -> None:
        super().__init__("%(message)s")
        self._process = process
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\n", "\n  ")
        if self._journal:
            return f"<{_PRIORITIES.get(record.levelno, 6)}>{self._process}: {text}"
        clock = self.formatTime(record, "%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{clock} {self._process}: {level}{text}"


def set_up(process: str, level: str = "info") -> None:
    """Send the log of this process to stderr, each line beginning with the name `process`.

    level: "debug", "info", "warning" or "error". Under systemd (JOURNAL_STREAM is set) a line
    carries its priority instead of a clock, which the journal has itself.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(process, journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)
    # Third-party chatter below a warning is not ours to print.
    for name in ("websocket", "websockets", "matplotlib", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Log what is of `level` or above from now on."""
    logging.getLogger().setLevel(level.upper())
