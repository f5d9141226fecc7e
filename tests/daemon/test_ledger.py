"""The ledger adds up at every moment, whatever comes twice, late or out of order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from heard.ledger import Ledger, LedgerError

MOST = 400

numbers = st.integers(-5, MOST)


class Accounts(RuleBasedStateMachine):
    """A ledger beside a plain list that says where each sample is."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.where: list[str] = []

    @rule(samples=st.integers(0, 50))
    def capture(self, samples: int) -> None:
        """Capture some."""
        self.ledger.capture(samples)
        self.where += ["pending"] * samples

    @rule(start=numbers, stop=numbers)
    def settle(self, start: int, stop: int) -> None:
        """Settle any range, backwards ones included."""
        assert self.ledger.settle(start, stop) == self.move(start, stop, "delivered")

    @rule(start=numbers, stop=numbers, reason=st.sampled_from(["expired", "refused"]))
    def drop(self, start: int, stop: int, reason: str) -> None:
        """Drop any range."""
        assert self.ledger.drop(start, stop, reason) == self.move(start, stop, reason)

    def move(self, start: int, stop: int, to: str) -> int:
        """Do the same to the list; return how many moved."""
        moved = [n for n in range(max(start, 0), min(stop, len(self.where))) if self.where[n] == "pending"]
        for number in moved:
            self.where[number] = to
        return len(moved)

    @invariant()
    def it_agrees_with_the_list(self) -> None:
        """Compare every count."""
        self.ledger.check()
        status = self.ledger.status()
        assert status["captured"] == len(self.where)
        for place in ("delivered", "pending"):
            assert status[place] == self.where.count(place)
        assert status["dropped"] == {
            reason: self.where.count(reason) for reason in ("expired", "refused") if reason in self.where
        }
        assert self.ledger.oldest_pending == (
            self.where.index("pending") if "pending" in self.where else len(self.where)
        )

    @invariant()
    def its_intervals_are_in_order(self) -> None:
        """Ascending, disjoint, not adjacent, none empty."""
        borders = [border for interval in self.ledger.pending for border in interval]
        assert borders == sorted(set(borders))


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_time_that_was_never_captured_stands_outside() -> None:
    """Muted time and gaps do not touch the sum."""
    ledger = Ledger()
    ledger.capture(10)
    ledger.muted += 99
    ledger.add_gap("xrun", 3)
    ledger.add_gap("xrun", 4)
    ledger.check()
    assert ledger.status() == {
        "captured": 10,
        "delivered": 0,
        "pending": 10,
        "dropped": {},
        "muted": 99,
        "gaps": {"xrun": 7},
    }


def test_a_status_is_a_copy() -> None:
    """What is reported does not change behind the reader's back."""
    ledger = Ledger()
    ledger.capture(2)
    status = ledger.status()
    ledger.drop(0, 1, "expired")
    ledger.add_gap("xrun", 1)
    assert (status["dropped"], status["gaps"]) == ({}, {})


def test_bugs_are_found() -> None:
    """Counts that do not add up, samples from the future, negative ones."""
    with pytest.raises(LedgerError, match="cannot be captured"):
        Ledger().capture(-1)
    with pytest.raises(LedgerError, match=r"captured 5 != delivered 3 \+ pending 0 \+ dropped 1"):
        Ledger(captured=5, delivered=3, dropped={"expired": 1}).check()
    with pytest.raises(LedgerError, match="sample 2 is pending"):
        Ledger(captured=2, pending=[(1, 3)]).check()


def test_numbers_go_on_where_counts_begin_anew() -> None:
    """What another run retained: its numbers stand, and it is the only thing that was captured."""
    ledger = Ledger(captured=10, pending=[(5, 10), (20, 25)], next=30)
    ledger.check()
    ledger.capture(3)
    assert (ledger.captured, ledger.next, ledger.pending) == (13, 33, [(5, 10), (20, 25), (30, 33)])
    ledger.settle(0, 40)
    ledger.check()
    assert (ledger.delivered, ledger.oldest_pending) == (13, 33)


@pytest.mark.parametrize(
    ("sample", "following", "done"),
    [
        (0, (5, 10), 0),
        (5, (5, 10), 0),
        (7, (7, 10), 7),
        (10, (20, 25), 10),
        (22, (22, 25), 22),
        (25, (30, 30), 25),
    ],
)
def test_pending_samples_are_found_from_any_sample_on(
    sample: int, following: tuple[int, int], done: int
) -> None:
    """The first interval behind a sample, and from where on nothing before it is pending."""
    ledger = Ledger(captured=10, pending=[(5, 10), (20, 25)], next=30)
    assert ledger.pending_from(sample) == following
    assert ledger.done_from(sample) == done
