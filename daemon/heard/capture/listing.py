"""Shell: the list of devices for a client, asked of a process of its own, which nobody waits for."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import cast

from heard.capture.priority import ordinary
from heard.wire.codec import Body

LIMIT_S = 10.0
"""Longest wait for the sound system."""


class ListingError(Exception):
    """The devices could not be listed; the text says why."""


class Listing:
    """One look at the devices there are."""

    def __init__(self, now: float) -> None:
        """Begin at `now` (monotonic seconds).

        Raises:
            OSError: no process can be started.
        """
        argv = [sys.executable, "-m", "heard.capture.devices"]
        # A list of devices is smaller than a pipe, so nobody need read on while it is written.
        self._child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        ordinary(self._child.pid)
        self._until = now + LIMIT_S

    def result(self, now: float) -> list[Body] | None:
        """Return the devices, None while they are looked for.

        Raises:
            ListingError: there is nobody to ask, or no answer.
        """
        if (status := self._child.poll()) is None:
            if now < self._until:
                return None
            self.end()
            raise ListingError(f"the sound system did not answer within {LIMIT_S:g} s")
        out, said = self._child.communicate()
        if status:
            lines = said.decode(errors="replace").strip().splitlines()
            raise ListingError(lines[-1] if lines else f"looking for devices ended with {status}")
        return cast("list[Body]", json.loads(out))

    def end(self) -> None:
        """Look no further."""
        self._child.kill()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
