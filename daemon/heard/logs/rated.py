"""The shell around `Flood`: a filter of the log, and a timer that runs only while something is held back."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Hashable

from heard.logs.flood import Flood, Held

BURST_OF_ALL = 100
"""So many of one message pass in a period whatever they are about: a hundred calls in the same trouble."""
_TOLD = "_heard_told"
"""Marks the line that tells of a flood: it is no part of it."""


class Rated(logging.Filter):
    """Lets the first of a flood pass and says once a period how many more there were.

    A message floods where it comes too often with the same first argument, the source's name in most, or
    far too often with any.
    """

    def __init__(self) -> None:
        super().__init__()
        self._floods = (Flood(), Flood(BURST_OF_ALL))
        self._newest: dict[Hashable, logging.LogRecord] = {}
        # A signal's handler may log in the middle of a line.
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        atexit.register(self._tell, at_end=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be said now."""
        # Who asks for debugging wants to see it all.
        if record.levelno <= logging.DEBUG or hasattr(record, _TOLD):
            return True
        # The message before its arguments are put in: those of a flood differ.
        alike = (record.name, record.levelno, str(record.msg))
        kinds = ((*alike, _first_text(record)), alike)
        with self._lock:
            now = time.monotonic()
            for kind, flood in zip(kinds, self._floods, strict=True):
                if not flood.passes(kind, now):
                    self._newest[kind] = record
                    self._arm()
                    return False
        return True

    def _arm(self) -> None:
        due = [at for flood in self._floods if (at := flood.next_due()) is not None]
        if self._timer is None and due:
            self._timer = threading.Timer(max(0.0, min(due) - time.monotonic()), self._tell)
            self._timer.daemon = True
            self._timer.start()

    def _tell(self, *, at_end: bool = False) -> None:
        """Say what was held back; the newest of each kind stands for them all."""
        with self._lock:
            self._timer = None
            now = time.monotonic()
            lines = [
                self._line(each) for flood in self._floods for each in flood.due(now, all_of_them=at_end)
            ]
            if not at_end:
                self._arm()
        # Outside the lock: the line comes back through this filter, and those behind it.
        for line in lines:
            logging.getLogger(line.name).handle(line)

    def _line(self, held: Held) -> logging.LogRecord:
        newest = self._newest.pop(held.kind)
        line = logging.makeLogRecord(vars(newest))
        times = "time" if held.count == 1 else "times"
        line.msg = f"{newest.getMessage()} ({held.count} {times} in {held.seconds:.0f} s)"
        line.args = None
        setattr(line, _TOLD, True)
        return line


def _first_text(record: logging.LogRecord) -> str:
    """Return the first argument where it is a text, "" where not."""
    args = record.args
    return args[0] if isinstance(args, tuple) and args and isinstance(args[0], str) else ""
