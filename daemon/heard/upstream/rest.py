"""Core: when a source has been silent for so long that its session is closed, and when it needs one again.

A silent source *rests*: what it captures is kept, no session is open. With the first sound it is given
one that hears a little of what came before, so that the first word is whole. The silence before is given up.
"""

from __future__ import annotations

from heard.upstream.leg import Leg, Span
from heard.upstream.onset import Onset
from heard.upstream.states import State
from heard.wire.audio import Block

PREROLL_S = 2.0
"""So much before the first sound is heard as well."""
KEPT_S = 4.0
"""The newest of the silence, which is never given up while it may still prove to be a word's beginning."""
STEP = 0.25
"""Silence is given up once so much of the retention has gathered: seldom, so that the ledger stays short."""


class Rest:
    """One source. `close_s`: seconds without speech after which its session is closed; 0 is never."""

    def __init__(self, close_s: float, retention_s: float, rate_hz: int) -> None:
        self.close_s = close_s
        self._rate_hz = rate_hz
        self._step = round(retention_s * STEP * rate_hz)
        self._onset = Onset(rate_hz)
        self._first: int | None = None
        """The first sound since the source began to rest."""

    def hear(self, block: Block) -> None:
        """Take new audio."""
        if not self.close_s:
            return
        before = self._onset.newest
        self._onset.push(block.sample, block.pcm)
        if self._onset.newest != before and self._first is None:
            self._first = self._onset.newest

    def begins(self, leg: Leg, span: Span) -> bool:
        """Whether the session `leg` that hears `span` is to be closed for want of speech: it is, from now."""
        if not self.close_s or span.stop is not None or leg.session.state is not State.LIVE:
            return False
        spoken = max(leg.start, leg.settler.spoken)
        if leg.settler.turn_open or leg.cursor - spoken < self._samples(self.close_s):
            return False
        sound = self._onset.newest
        if sound is not None and sound >= leg.cursor - self._samples(PREROLL_S):
            # Also in what is still to be sent: a session that was closed now would be opened again at once.
            return False
        self._first = None
        return True

    def wanted(self, span: Span, head: int, *, anyway: bool = False) -> tuple[int, bool]:
        """Return from which sample on a resting span's audio, up to `head`, is kept; and whether it rests on.

        `anyway`: it is given a session though nothing was heard.
        """
        first = self._first
        if first is not None and first >= span.own and (span.stop is None or first < span.stop):
            return max(span.start, first - self._samples(PREROLL_S)), False
        if span.stop is not None:
            return span.stop, True
        if anyway or not self.close_s:
            return max(span.start, head - self._samples(PREROLL_S)), False
        newest = head - self._samples(KEPT_S)
        return (newest if newest - span.start >= self._step else span.start), True

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)
