"""Core: the spans of one source, in order, and what of them is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from heard.upstream.leg import Leg, Span
from heard.wire.audio import Block


class Spans:
    """Spans in ascending order of their samples; only the last one may still grow."""

    def __init__(self, legs: Mapping[int, Leg]) -> None:
        self._spans: list[Span] = []
        self._legs = legs

    def __iter__(self) -> Iterator[Span]:
        return iter(list(self._spans))

    @property
    def growing(self) -> Span | None:
        """The span to which new audio belongs, None where the next block begins one."""
        return self._spans[-1] if self._spans and self._spans[-1].stop is None else None

    @property
    def waiting(self) -> list[Span]:
        """The spans with something unsettled and no session."""
        return [span for span in self._spans if not (span.done or span.resting) and self.leg_of(span) is None]

    @property
    def resting(self) -> list[Span]:
        """The spans that no session is to hear as long as nobody speaks."""
        return [span for span in self._spans if span.resting and not span.done]

    def leg_of(self, span: Span) -> Leg | None:
        """Return the session that hears `span`."""
        return next((leg for leg in self._legs.values() if leg.span is span), None)

    def take(self, block: Block, known: int, anchor: int) -> None:
        """See to it that `block` belongs to a span.

        known: end of the audio before the block; anchor: end of the last final.
        """
        if (growing := self.growing) is not None:
            if growing.segment == block.segment and block.sample <= known:
                return
            self.end(known)
        # Ids of turns are made from anchors: that of a new segment lies in it, so that it is not
        # the one which the segment before still uses for its last words.
        anchor = max(min(anchor, block.sample), min(block.segment_start, block.sample))
        self._spans.append(Span(block.sample, block.sample, anchor, block.segment))

    def end(self, stop: int) -> None:
        """End the audio at `stop`."""
        for span in self._spans:
            if span.stop is None or span.stop > stop:
                span.stop = stop

    def split(self, span: Span, cut: int, overlap: int) -> Span:
        """End `span` at `cut` and return the new one behind it; both hear `overlap` of the other's side."""
        new = Span(cut, cut, cut, span.segment, stop=span.stop, overlap=overlap, seam=cut)
        span.own_stop = cut
        span.stop = cut + overlap if span.stop is None else min(span.stop, cut + overlap)
        self._spans.insert(self._spans.index(span) + 1, new)
        return new

    def finished(self) -> list[Span]:
        """Take out and return the spans that are settled and no session hears any more."""
        gone = [span for span in self._spans if span.done and self.leg_of(span) is None]
        self._spans = [span for span in self._spans if span not in gone]
        return gone

    def give_up(self, below: int) -> list[tuple[int, int]]:
        """Return the stretches below a sample that no session was sent; they are no longer wanted."""
        given_up: list[tuple[int, int]] = []
        for span in self._spans:
            leg = self.leg_of(span)
            first = self._cursor(span)
            limit = below if span.last is None else min(below, span.last)
            if first < limit:
                given_up.append((first, limit))
                if first == span.start:
                    span.start = limit
                if leg is not None:
                    leg.cursor = max(leg.cursor, limit)
        return given_up

    def oldest(self, otherwise: int) -> int:
        """Return the oldest unsettled sample."""
        return min((span.start for span in self._spans), default=otherwise)

    def sent(self, head: int) -> int:
        """Return the sample below which all was sent."""
        for span in self._spans:
            cursor = self._cursor(span)
            # Nobody waits for what rests to be sent.
            if not span.resting and (span.last is None or cursor < span.last):
                return cursor
        return head

    def unsent(self, head: int) -> int:
        """Return how many samples below `head` were not sent."""
        total = 0
        for span in self._spans:
            if span.resting:
                continue
            last = head if span.last is None else span.last
            total += max(0, last - self._cursor(span))
        return total

    def _cursor(self, span: Span) -> int:
        leg = self.leg_of(span)
        return span.start if leg is None else max(span.start, leg.cursor)
