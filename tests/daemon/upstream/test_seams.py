"""Where one session's audio ends and another's begins, and when."""

from heard.upstream.backlog import Backlog
from heard.upstream.leg import Leg, Moment, Span
from heard.upstream.pace import Pace
from heard.upstream.seams import CHANGE_S, OVERLAP_S, PATIENCE_S, Seams, due, late
from heard.upstream.session import Session
from heard.upstream.settle import Settler
from heard.upstream.spans import Spans
from heard.upstream.states import Limits
from heard.upstream.terms import Terms
from heard.wire.audio import Block

from ...support.coded_audio import coded

RATE_HZ = 16000
BEGIN = '{"type":"Begin","id":"s1"}'


class Case:
    """A source with so many seconds of audio, and sessions to hear it."""

    def __init__(self, seconds: int) -> None:
        self.legs: dict[int, Leg] = {}
        self.spans = Spans(self.legs)
        self.backlog = Backlog(RATE_HZ)
        for at in range(0, seconds * RATE_HZ, RATE_HZ):
            block = Block("mic", at, at / RATE_HZ, coded(at, RATE_HZ))
            self.spans.take(block, self.backlog.stop, 0)
            self.backlog.add(block)
        self.seams = Seams(self.spans, self.backlog, RATE_HZ)

    def leg(self, span: Span | None, cursor_s: float = 0.0) -> Leg:
        """Return a live session, since second 0."""
        session = Session(Limits(), RATE_HZ, format_turns=False, now=0.0)
        session.connected(0.0)
        session.received(BEGIN, 0.0)
        number, cursor = len(self.legs), round(cursor_s * RATE_HZ)
        settler, pace = Settler(cursor, RATE_HZ), Pace(None, 0.0)
        leg = Leg(number, session, cursor, settler, pace, span, Terms("m"), cursor, live_since=0.0)
        self.legs[number] = leg
        return leg

    @property
    def growing(self) -> Span:
        """The span to which new audio belongs."""
        assert self.spans.growing is not None
        return self.spans.growing


def seconds(*samples: int | None) -> list[float | None]:
    """Return samples as seconds."""
    return [None if sample is None else sample / RATE_HZ for sample in samples]


def test_at_a_switch_both_sides_hear_some_of_the_other() -> None:
    """Each word is owned by one side; the overlap is heard by both."""
    case = Case(10)
    span = case.growing
    old, new = case.leg(span, 8.0), case.leg(None)
    case.seams.switch(new, span, old.cursor)
    assert seconds(span.own_stop, span.stop) == [8.0, 8.0 + OVERLAP_S]
    assert new.span is case.growing
    assert seconds(new.cursor, case.growing.own, case.growing.stop) == [8.0 - OVERLAP_S, 8.0, None]
    assert case.spans.leg_of(span) is old


def test_a_session_takes_over_at_what_is_settled() -> None:
    """Its own session ended before the switch."""
    case = Case(10)
    case.growing.start = 3 * RATE_HZ
    standby = case.leg(None)
    case.seams.take_over(standby, case.growing)
    assert (standby.span, seconds(standby.cursor)) == (case.growing, [3.0])


def test_whoever_begins_at_a_seam_hears_the_overlap() -> None:
    """A session that failed before it settled anything leaves the word at the seam to its successor."""
    case = Case(10)
    case.seams.switch(case.leg(None), case.growing, 8 * RATE_HZ)
    successor = case.leg(None)
    case.seams.take_over(successor, case.growing)
    assert seconds(successor.cursor, successor.settler.settled) == [8.0 - OVERLAP_S, 8.0]
    case.growing.start = 9 * RATE_HZ
    case.seams.take_over(successor, case.growing)
    assert seconds(successor.cursor) == [9.0]


def test_live_audio_goes_first_where_the_backlog_is_long() -> None:
    """The span is cut in its newest seconds; what lies before is for another session."""
    case = Case(10)
    span = case.growing
    leg = case.leg(span)
    case.seams.live_first(leg, 11.0)
    assert case.growing is span
    case.seams.live_first(leg, 3.0)
    assert span.backfill
    assert leg.span is case.growing is not span
    assert case.growing.own >= 8 * RATE_HZ
    assert case.spans.waiting == [span]


def test_what_follows_a_rest_has_no_session() -> None:
    """The last second of what was sent is owned by what follows; nothing is before what is settled."""
    case = Case(20)
    span = case.growing
    leg = case.leg(span, 20.0)
    case.seams.rest(leg, span)
    assert seconds(span.own_stop, span.stop, case.growing.start) == [19.0, 20.0, 19.0]
    assert case.spans.resting == [case.growing]
    assert case.spans.waiting == []
    case = Case(20)
    case.growing.start = 20 * RATE_HZ
    case.seams.rest(case.leg(case.growing, 20.0), case.growing)
    assert case.growing.start == 20 * RATE_HZ


def test_a_session_is_due_before_it_expires() -> None:
    """By half its life at the earliest, and waits no longer than it may for a pause."""
    case = Case(1)
    leg = case.leg(case.growing)
    assert not due(leg, 90, Moment(1e6, 0.0))
    leg.expires_at = 1000.0
    assert [due(leg, 90, Moment(now, 0.0)) for now in (909.0, 911.0)] == [False, True]
    assert [late(leg, 90, Moment(910.0 + PATIENCE_S + off, 0.0)) for off in (-1, 1)] == [False, True]
    leg.expires_at = 100.0
    assert [due(leg, 90, Moment(now, 0.0)) for now in (49.0, 51.0)] == [False, True]
    assert late(leg, 10, Moment(96.0, 0.0))


def test_a_session_on_old_terms_is_due_after_a_moment() -> None:
    """Others may be changed as well; one that hears a backlog is not replaced."""
    case = Case(1)
    leg = case.leg(case.growing)
    leg.stale_at = 5.0
    assert [due(leg, 90, Moment(5.0 + CHANGE_S + off, 0.0)) for off in (-0.1, 0.1)] == [False, True]
    case.growing.stop = RATE_HZ
    assert not due(leg, 90, Moment(100.0, 0.0))
