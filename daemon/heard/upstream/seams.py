"""Core: where one session's audio ends and another's begins, when a session is to be replaced.

Both sessions hear a little of the other's side; a word belongs to the side in which its middle lies.
"""

from __future__ import annotations

from heard.upstream.backlog import Backlog
from heard.upstream.leg import Leg, Moment, Span
from heard.upstream.quiet import quietest
from heard.upstream.settle import Settler
from heard.upstream.spans import Spans
from heard.upstream.states import State

OVERLAP_S = 1.0
"""Both sessions hear so much of the other's side of a seam."""
SEAM_S = 1.0
"""The seam is looked for in so much of the newest audio: by what lies after it the live text lags behind at
first."""
PAUSE_S = 0.3
PATIENCE_S = 20.0
"""A due replacement waits at most so long for a pause."""
CHANGE_S = 0.5
"""Changes of the terms that follow each other so closely take one new session, not several."""


class Seams:
    """Cuts the spans of one source."""

    def __init__(self, spans: Spans, backlog: Backlog, rate_hz: int) -> None:
        self._spans = spans
        self._backlog = backlog
        self._rate_hz = rate_hz

    def switch(self, leg: Leg, span: Span, cut: int) -> None:
        """End `span` at `cut` and let `leg` hear what follows."""
        overlap = self._samples(OVERLAP_S)
        self.take_over(leg, self._spans.split(span, cut, overlap))

    def take_over(self, leg: Leg, span: Span) -> None:
        """Let `leg` hear a span that has no session (any more)."""
        leg.span = span
        leg.start = leg.cursor = span.heard_from(self._backlog.start)
        leg.settler = Settler(span.start, self._rate_hz)

    def live_first(self, leg: Leg, least_s: float) -> None:
        """After an outage: let this session have the live audio, and leave the backlog to a second one.

        A backlog of less than `least_s` is not worth a second session.
        """
        span = leg.span
        if span is None or span.stop is not None:
            return
        if self._backlog.stop - span.start < self._samples(least_s):
            return
        seam = self._samples(SEAM_S)
        newest = self._backlog.read(max(span.start, self._backlog.stop - seam), seam)
        if not newest:
            return
        first, pcm = newest[-1]
        span.backfill = True
        self.switch(leg, span, first + quietest(pcm, self._samples(PAUSE_S)))

    def rest(self, leg: Leg, span: Span) -> None:
        """End `span` with what was sent of it; what follows has no session until it is worth one.

        What may have begun in the last of it belongs to the session that follows.
        """
        cut = max(leg.cursor - self._samples(OVERLAP_S), span.start)
        self._spans.split(span, cut, leg.cursor - cut).resting = True

    def _samples(self, seconds: float) -> int:
        return round(seconds * self._rate_hz)


def due(leg: Leg, before_s: float, moment: Moment) -> bool:
    """Whether a session is to be replaced: it expires in `before_s`, or its terms are no longer wanted."""
    if leg.span is None or leg.span.stop is not None or leg.session.state is not State.LIVE:
        return False
    since = _due_since(leg, before_s)
    return since is not None and moment.mono >= since


def late(leg: Leg, before_s: float, moment: Moment) -> bool:
    """Whether a due replacement has waited long enough for a pause."""
    since = _due_since(leg, before_s)
    return since is not None and moment.mono >= since + min(PATIENCE_S, before_s / 2)


def _due_since(leg: Leg, before_s: float) -> float | None:
    """Return since when (monotonic seconds) a session is to be replaced."""
    times = [] if leg.stale_at is None else [leg.stale_at + CHANGE_S]
    if leg.expires_at is not None and leg.live_since is not None:
        times.append(leg.expires_at - min(before_s, (leg.expires_at - leg.live_since) / 2))
    return min(times, default=None)
