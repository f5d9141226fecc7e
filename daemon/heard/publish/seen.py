"""Core: which numbered events were published already, finals apart (`heard.publish.once` knows those).

A `publish` that has just started is sent all that is not acknowledged. Some of it this very process may
have had before its greeting was read, and some of it the process before. The number is written down before
the message is sent, as a final's turn is.
"""

from __future__ import annotations

import struct
from collections import deque

from heard.publish.slots import Slots, Write

KIND = "seen"
SLOT_BYTES = 4096
MOST = 500
"""Numbers remembered: what comes again was in flight, a moment ago."""
_KEY = "events"


class Seen:
    """The numbers of the newest events that were published, through restarts within a run."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        data = slots.items().get(_KEY, b"")
        self._numbers = deque((number for (number,) in struct.iter_unpack("<Q", data)), maxlen=MOST)

    def __contains__(self, number: int) -> bool:
        """Say whether the event of this number was published; one without a number (0) never was."""
        return number > 0 and number in self._numbers

    def publishes(self, number: int) -> Write:
        """Remember an event; the write must be made before it is sent."""
        self._numbers.append(number)
        return self._slots.put(_KEY, struct.pack(f"<{len(self._numbers)}Q", *self._numbers))
