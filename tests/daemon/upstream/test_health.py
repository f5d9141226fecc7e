"""What failures and successes of a source's sessions amount to, and what is told of them."""

from random import Random

from heard.upstream.backoff import PROBE_S, Failure, Kind
from heard.upstream.health import START_RETRY_S, Health

NETWORK = Failure(Kind.NETWORK, "no route")
REFUSED = Failure(Kind.CLOSE, "Unauthorized Connection: Missing Authorization header", 1008)
TOO_FAST = Failure(Kind.CLOSE, "Audio Transmission Rate Exceeded", 3007)
ORDER = Failure(Kind.OPERATOR, "reconnect ordered")


class Case:
    """A health and what it told."""

    def __init__(self, start_s: float = 0.0) -> None:
        self.told: list[tuple[str, str]] = []
        self.health = Health("mic", Random(1), pace=1.2, start_s=start_s, tell=self._tell)

    def _tell(self, event: str, _session: str | None, reason: str) -> None:
        self.told.append((event, reason))

    @property
    def events(self) -> list[str]:
        """The names of the events told."""
        return [event for event, _ in self.told]


def test_an_outage_is_told_once_and_over_with_the_next_session() -> None:
    """However many attempts it takes; the session that follows counts as a reconnect."""
    case = Case()
    health = case.health
    health.trying(0.0)
    health.began()
    assert health.opened("s1") is False
    for now in (60.0, 61.0, 62.0):
        health.failed(NETWORK, "s1", 60.0, now)
        health.trying(now)
        assert (health.outage, health.error) == (True, "no route")
    assert health.opened("s2") is True
    assert (health.outage, health.error, health.reconnects) == (False, None, 1)
    assert case.events == ["connecting", "open", "outage", "open"]


def test_a_service_that_is_coming_up_is_no_outage() -> None:
    """Until the time for that is over; it is tried again and again meanwhile, and told once."""
    case = Case(start_s=20.0)
    health = case.health
    health.trying(0.0)
    health.failed(NETWORK, None, 0.0, 1.0)
    assert not health.may_try(1.0)
    assert health.may_try(1.0 + START_RETRY_S)
    health.trying(2.0)
    assert not health.outage
    assert case.events == ["connecting"]
    health.failed(NETWORK, None, 0.0, 20.0)
    assert health.outage


def test_a_refusal_is_for_a_person_and_tried_slowly() -> None:
    """No outage; told once; at once where an operator says so."""
    case = Case()
    health = case.health
    health.trying(0.0)
    health.failed(REFUSED, "s1", 0.0, 1.0)
    assert (health.refused, health.outage) == (True, False)
    assert health.error == f"key refused: {REFUSED}"
    assert not health.may_try(PROBE_S)
    health.failed(REFUSED, "s2", 0.0, PROBE_S + 1.0)
    assert case.events == ["connecting", "refused"]
    health.at_once()
    assert [health.refused, health.error] == [False, None]
    assert health.may_try(PROBE_S + 1.0)


def test_what_was_sent_too_fast_is_sent_slower() -> None:
    """Until an operator begins anew."""
    health = Case().health
    health.failed(TOO_FAST, "s1", 60.0, 60.0)
    assert health.rate == 1.0
    health.at_once()
    assert health.rate == 1.2


def test_an_order_is_no_outage() -> None:
    """The session is closed, the next attempt is due."""
    case = Case()
    case.health.failed(ORDER, "s1", 60.0, 60.0)
    assert case.told == [("closed", "reconnect ordered")]
    assert case.health.may_try(60.0)
    assert case.health.error is None


def test_a_spare_session_that_fails_is_shown_while_the_old_one_goes_on() -> None:
    """No event, but an error, and a wait before the next attempt."""
    case = Case()
    case.health.spare_failed(NETWORK, 5.0, reached=True)
    assert case.health.error == "no session to replace the running one: no route"
    assert not case.health.may_try(5.0)
    assert case.told == []
    case.health.well()
    assert case.health.error is None
