"""How far everything has arrived, whatever the order of the acknowledgements."""

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.bridges.outbox import Outbox
from heard_client import Cursor


def at(number: int) -> Cursor:
    return Cursor("r", float(number), {"transcript.final.mic": number})


def test_one_that_is_missing_holds_the_place_back() -> None:
    """The second is acknowledged first: a restart must deliver the first."""
    outbox = Outbox(at(0))
    first, second = outbox.add(at(1)), outbox.add(at(2))
    outbox.done(second)
    assert outbox.settled == at(0)
    outbox.idle(at(9))
    assert outbox.settled == at(0)
    outbox.done(first)
    assert outbox.settled == at(2)
    assert len(outbox) == 0
    outbox.idle(at(9))
    assert outbox.settled == at(9)


@settings(deadline=None)
@given(st.permutations(range(8)), st.integers(0, 8))
def test_the_place_leaves_none_out(order: list[int], acknowledged: int) -> None:
    """It is behind the longest run from the beginning that has arrived."""
    outbox = Outbox(at(0))
    tickets = [outbox.add(at(n + 1)) for n in range(8)]
    for n in order[:acknowledged]:
        outbox.done(tickets[n])
    expected = next((n for n in range(8) if n not in order[:acknowledged]), 8)
    assert outbox.settled == at(expected)
    assert len(outbox) == 8 - expected
