"""Core: which of the samples sent in a session the service is done with.

The strongest evidence counts. A final settles up to the end of its last word; a Termination settles
all that was sent; where nothing is being said, what lies far enough behind does: up to what the
service itself calls silence, or what it had (by its Heartbeats, else by what was sent) some
time ago. Nothing at or behind the start of an open turn is ever settled by silence.
"""

from __future__ import annotations

from collections import deque

GUARD_S = 10.0
"""A sample without a word is settled so long after it was sent, and so far behind what was sent."""
CONFIRMED_GUARD_S = 6.0
"""Likewise where Heartbeats say what the service has."""
SILENCE_GUARD_S = 1.0
"""So far behind the end of a Silence: its ranges may overlap speech by half a second."""
ONSET_S = 0.5
"""The service may name an onset late: so much before it stays unsettled."""
EMPTY_TURN_S = 30.0
"""A SpeechStarted that no text has followed for so much audio was noise."""
MARK_S = 0.25


class Settler:
    """What one session has settled of the samples from `start` on; samples at `rate_hz`."""

    def __init__(self, start: int, rate_hz: int) -> None:
        self.settled = start
        """One past the last sample that the service is done with."""
        self.spoken = start
        """What was sent when words last came."""
        self._rate_hz = rate_hz
        self._sent = start
        self._confirmed = False
        self._head = start
        """What the service has, as far as is known: the sent position, or its own count."""
        self._marks: deque[tuple[float, int]] = deque()
        self._open: int | None = None
        self._spoken = False
        """Whether the open turn has text."""

    @property
    def turn_open(self) -> bool:
        """Whether something is being said."""
        return self._open is not None

    def sent(self, through: int, now: float) -> None:
        """Take note that the samples below `through` were sent."""
        self._sent = max(self._sent, through)
        if not self._confirmed:
            self._advance(through, now)

    def received(self, through: int, now: float) -> None:
        """Take the service's count: it has every sample below `through`."""
        if not self._confirmed:
            self._confirmed = True
            self._marks.clear()
            self._head = self.settled
        self._advance(min(through, self._sent), now)

    def silent(self, stop: int) -> None:
        """Take the service's word that nothing was being said up to `stop`."""
        self._settle(stop - round(SILENCE_GUARD_S * self._rate_hz))

    def speech(self, onset: int) -> None:
        """Take note that speech began at `onset`; no text yet."""
        self._begin(onset)

    def partial(self, onset: int) -> None:
        """Take note that the open turn has text; its first word starts at `onset`."""
        self._begin(onset)
        self._spoken = True
        self.spoken = self._sent

    def final(self, end: int | None) -> None:
        """Settle a turn that is over; its last word ends at `end` (None: it had no words)."""
        self._open = None
        self._spoken = False
        if end is not None:
            self.settled = max(self.settled, min(end, self._sent))
            self.spoken = self._sent

    def all_sent(self) -> None:
        """Settle all that was sent: the service has processed it."""
        self._open = None
        self.settled = max(self.settled, self._sent)

    def tick(self, now: float) -> None:
        """Settle by silence what is due."""
        empty = self._open is not None and not self._spoken
        if empty and self._open is not None and self._head - self._open > EMPTY_TURN_S * self._rate_hz:
            self._open = None
        guard_s = CONFIRMED_GUARD_S if self._confirmed else GUARD_S
        while self._marks and self._marks[0][0] <= now - guard_s:
            _, through = self._marks[0]
            if through > self._head - guard_s * self._rate_hz:
                break
            self._marks.popleft()
            self._settle(through)

    def _begin(self, onset: int) -> None:
        # What a late message says of speech before the last final is that final's own.
        onset = max(onset - round(ONSET_S * self._rate_hz), self.settled)
        self._open = onset if self._open is None else min(self._open, onset)

    def _settle(self, through: int) -> None:
        if self._open is not None:
            through = min(through, self._open)
        self.settled = max(self.settled, min(through, self._sent))

    def _advance(self, through: int, now: float) -> None:
        self._head = max(self._head, through)
        if not self._marks or now - self._marks[-1][0] >= MARK_S:
            self._marks.append((now, self._head))
