"""Time without audio is counted once, under the reason of that time, and told where somebody misses it."""

from heard.capture.account import Account
from heard.capture.blocks import Loss, Track
from heard.wire.codec import Body
from heard.wire.topics import Topic

from .made import RATE_HZ, buffer_for, track_in

RETENTION = 10 * RATE_HZ


class Books:
    """An account, and what it told."""

    def __init__(self) -> None:
        self.track: Track = track_in(buffer_for(RETENTION), retention=RETENTION)
        self.track.record.accounted = 1000.0
        self.told: list[Body] = []
        self.account = Account(self.track, lambda topic, _, body: self._take(topic, body))

    def _take(self, topic: Topic, body: Body) -> None:
        assert topic is Topic.GAP
        self.told.append(body)


def test_a_hole_is_counted_while_it_is_open_and_told_at_its_end() -> None:
    """In samples, from where the account before it ended."""
    books = Books()
    books.account.count(1005.0)
    assert books.track.record.ledger.gaps == {}, "no hole is open"
    books.account.open("device-lost", 1005.0, waits=False)
    books.account.count(1002.0)
    assert books.track.record.ledger.gaps == {"device-lost": 2 * RATE_HZ}
    books.account.fill(1003.0)
    assert books.track.record.ledger.gaps == {"device-lost": 3 * RATE_HZ}
    assert books.told == [{"reason": "device-lost", "samples": 3 * RATE_HZ, "start": 1000.0, "end": 1003.0}]


def test_muted_time_has_its_own_account_and_is_no_gap() -> None:
    """Lost and then muted: each its own."""
    books = Books()
    books.account.open("device-lost", 1000.0, waits=False)
    books.account.open("muted", 1001.0, waits=False)
    books.account.fill(1005.0)
    ledger = books.track.record.ledger
    assert (ledger.gaps, ledger.muted) == ({"device-lost": RATE_HZ}, 4 * RATE_HZ)
    assert [body["reason"] for body in books.told] == ["device-lost"]


def test_an_input_that_waits_has_no_hole_before_now() -> None:
    """The times of a file at pace fast are not those at which it is read."""
    books = Books()
    books.account.open("muted", 2000.0, waits=True)
    books.account.count(2001.0)
    assert books.track.record.ledger.muted == RATE_HZ


def test_silence_that_was_given_up_on_purpose_is_no_gap() -> None:
    """Nobody misses it; whatever else was dropped is told."""
    books = Books()
    books.account.report([Loss("silence", 10, 1.0, 2.0), Loss("expired", 20, 3.0, 4.0)])
    assert books.told == [{"reason": "expired", "samples": 20, "start": 3.0, "end": 4.0}]
