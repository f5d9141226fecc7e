"""Who may decode: finals before partials, and never more at once than there are cores for.

A final waits for a place. A partial takes one only if it is free and nobody waits, and gives up when
a final begins to wait: a partial that never comes is no loss, the next one replaces it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class DecodeGate:
    """Places for decoding, shared by all sessions.

    Args:
        places: how many decodes may run at the same time.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._finals_waiting = 0
        self._changed = threading.Condition()

    @contextmanager
    def final(self) -> Iterator[None]:
        """Hold a place, after waiting for one."""
        with self._changed:
            self._finals_waiting += 1
            try:
                self._changed.wait_for(lambda: self._free > 0)
                self._free -= 1
            finally:
                self._finals_waiting -= 1
        try:
            yield
        finally:
            self._release()

    @contextmanager
    def partial(self) -> Iterator[bool]:
        """Hold a place if one is to be had at once; yields whether it was."""
        with self._changed:
            granted = self._free > 0 and not self._finals_waiting
            if granted:
                self._free -= 1
        try:
            yield granted
        finally:
            if granted:
                self._release()

    def final_is_waiting(self) -> bool:
        """Return whether a partial should give way."""
        return self._finals_waiting > 0

    def _release(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()
