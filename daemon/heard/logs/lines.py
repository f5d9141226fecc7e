"""Core: a log record as text for a person or the journal, or as JSON for a collector."""

from __future__ import annotations

import json
import logging

# sd-daemon(3): "<N>" at the start of a line is its syslog priority.
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


def prefix(level: int, *, journal: bool) -> str:
    """Return the journal's mark of a level, "" where it is not the journal that reads."""
    return f"<{_PRIORITIES.get(level, 6)}>" if journal else ""


class Line(logging.Formatter):
    """`[CLOCK] PROCESS: [LEVEL:] MESSAGE`; what follows a line break is indented."""

    def __init__(self, process: str, *, journal: bool) -> None:
        super().__init__("%(message)s")
        self._process = process
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, or several of which the first names the process."""
        mark = prefix(record.levelno, journal=self._journal)
        # The journal takes each line as an entry of its own: each says how important it is.
        text = super().format(record).replace("\n", f"\n{mark}  ")
        if self._journal:
            return f"{mark}{self._process}: {text}"
        clock = self.formatTime(record, "%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        return f"{clock} {self._process}: {level}{text}"


class Json(logging.Formatter):
    """One JSON object a line: time (UTC, Unix seconds), level, process, logger, message, exception."""

    def __init__(self, process: str, *, journal: bool) -> None:
        super().__init__()
        self._process = process
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        entry = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        # The text of a trace is set already where the key was taken out of it.
        trace = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        if trace:
            entry["exception"] = trace
        # The journal strips its mark, so that the entry's text is the object alone.
        return prefix(record.levelno, journal=self._journal) + json.dumps(entry, ensure_ascii=False)
