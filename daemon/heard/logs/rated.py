"""The shell around `Flood`: a filter of the log, and a timer that runs only while something is held back."""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Hashable

from heard.logs.flood import Flood, Held

_TOLD = "_heard_told"
"""Marks the line that tells of a flood: it is no part of it."""


class Rated(logging.Filter):
    """Lets the first of a flood pass and says once a period how many more there were."""

    def __init__(self, flood: Flood) -> None:
        super().__init__()
        self._flood = flood
        self._newest: dict[Hashable, logging.LogRecord] = {}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        atexit.register(self._tell, at_end=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is to be said now."""
        # Who asks for debugging wants to see it all.
        if record.levelno <= logging.DEBUG or hasattr(record, _TOLD):
            return True
        # The message before its arguments are put in: those of a flood differ.
        kind = (record.name, record.levelno, str(record.msg))
        with self._lock:
            passes = self._flood.passes(kind, time.monotonic())
            if not passes:
                self._newest[kind] = record
                self._arm()
        return passes

    def _arm(self) -> None:
        due = self._flood.next_due()
        if self._timer is None and due is not None:
            self._timer = threading.Timer(max(0.0, due - time.monotonic()), self._tell)
            self._timer.daemon = True
            self._timer.start()

    def _tell(self, *, at_end: bool = False) -> None:
        """Say what was held back; the newest of each kind stands for them all."""
        with self._lock:
            self._timer = None
            held = self._flood.due(time.monotonic(), all_of_them=at_end)
            lines = [self._line(each) for each in held]
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
