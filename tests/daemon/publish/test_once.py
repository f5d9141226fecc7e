"""No final twice: by the turn's id, by its samples, through restarts; and settled stays settled."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from heard.publish.once import FINALS, INTERVALS, KIND, SLOT_BYTES, Once, joined
from heard.publish.slots import Slots
from heard.wire.events import Settlement
from heard.wire.positions import Settled

from .test_slots import apply


class Life:
    """A `Once` that is killed and started again between any two calls."""

    def __init__(self, run: str = "run") -> None:
        self.image = Slots(b"", "", KIND, SLOT_BYTES).header().data
        self.run = run
        self.turns = run
        """What the ids of turns begin with: the run that numbers the samples."""
        self.told: list[Settled] = []
        """What another run had settled."""

    @property
    def once(self) -> Once:
        """What the next process reads."""
        return Once(Slots(self.image, "", KIND, SLOT_BYTES), self.run)

    def met(self, source: str) -> Once:
        """Return what the next process knows once it has heard of a source."""
        once = self.once
        self.told += once.meets(source, f"{self.turns}-{source}")
        return once

    def publishes(self, source: str, turn_id: str, *samples: int) -> None:
        """Publish a final that settles the samples [start, stop), if any."""
        settles = Settlement(samples[0], samples[1], samples[1]) if samples else None
        self.image = apply(self.image, self.met(source).publishes(source, turn_id, settles))

    def settles(self, source: str, start: int, stop: int, anchor: int = 0) -> None:
        """Settle samples without a final."""
        self.image = apply(self.image, self.met(source).settles(source, Settlement(start, stop, anchor)))

    def repeated(self, source: str, turn_id: str, *samples: int) -> bool:
        """Ask whether such a final was published."""
        settles = Settlement(samples[0], samples[1], samples[1]) if samples else None
        return self.met(source).is_repeated(source, turn_id, settles)


def test_the_same_turn_is_repeated() -> None:
    """By its id, within its source, even where it settles nothing."""
    life = Life()
    life.publishes("mic", "t1", 0, 100)
    life.publishes("mic", "t2")
    assert life.repeated("mic", "t1", 0, 100)
    assert life.repeated("mic", "t2")
    assert not life.repeated("mic", "t3", 100, 200)
    assert not life.repeated("hall", "t1", 0, 100)


def test_the_same_samples_under_another_id_are_repeated() -> None:
    """`upstream` was restarted and recognized again what was published before it could be settled."""
    life = Life()
    life.publishes("mic", "t1", 0, 100)
    life.publishes("mic", "t2", 100, 200)
    assert life.repeated("mic", "new", 0, 100)
    assert life.repeated("mic", "new", 50, 180)
    assert not life.repeated("mic", "new", 50, 201), "its end was not published yet"
    assert not life.repeated("mic", "new", 200, 300)


def test_a_backfilled_turn_behind_live_ones_is_not_repeated() -> None:
    """After an outage live turns come first; what was said before them is still wanted."""
    life = Life()
    life.publishes("mic", "live", 5000, 6000)
    assert not life.repeated("mic", "backfill", 1000, 2000)
    life.publishes("mic", "backfill", 1000, 2000)
    assert life.repeated("mic", "again", 1200, 1800)
    assert not life.repeated("mic", "between", 2000, 5000)


def test_silence_is_no_proof_of_a_final() -> None:
    """What was settled without words does not swallow words that come for it after all."""
    life = Life()
    life.settles("mic", 0, 1000)
    assert not life.repeated("mic", "t1", 100, 900)
    assert not life.repeated("mic", "t1")


def test_a_new_process_tells_capture_all_that_is_settled() -> None:
    """Finals and silence as stretches that are joined, each with the end of its last final."""
    life = Life()
    life.publishes("mic", "t1", 0, 100)
    life.settles("mic", 100, 150, anchor=100)
    life.settles("hall", 7, 9)
    life.publishes("mic", "t2", 300, 400)
    assert life.once.settled() == [
        Settled("mic", 0, 150, 100),
        Settled("mic", 300, 400, 400),
        Settled("hall", 7, 9, 0),
    ]


def test_memory_is_bounded_and_keeps_the_newest() -> None:
    """A long run with holes everywhere fits its slot."""
    life = Life()
    for number in range(FINALS + 50):
        life.publishes("mic", f"t{number}", 10 * number, 10 * number + 5)
    assert life.repeated("mic", f"t{FINALS + 49}")
    assert life.repeated("mic", "t50")
    assert not life.repeated("mic", "t49")
    settled = life.once.settled()
    assert len(settled) == INTERVALS
    assert settled[-1].stop == 10 * (FINALS + 49) + 5


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=20))
def test_joined_covers_the_same_samples(spans: list[tuple[int, int]]) -> None:
    """A union: ascending, apart from each other, nothing added, nothing lost."""
    intervals = [(start, start + length, start) for start, length in spans]
    union = joined(intervals)
    assert {n for a, b, _ in union for n in range(a, b)} == {n for a, b, _ in intervals for n in range(a, b)}
    assert all(first[1] < second[0] for first, second in pairwise(union))
    for _, stop, anchor in union:
        assert anchor == max(start for start, end, _ in intervals if end == stop)


def test_a_run_that_delivers_what_another_retained_knows_what_that_one_published() -> None:
    """By ids and by samples; what was settled is told to `capture`, which may not know of it, once."""
    life = Life("first")
    life.publishes("mic", "t1", 0, 100)
    life.settles("mic", 100, 150, anchor=100)
    life.run = "second"
    assert life.once.settled() == [], "not before it is known that the same samples are meant"
    assert life.repeated("mic", "t1", 0, 100)
    assert life.repeated("mic", "anew", 10, 90)
    assert not life.repeated("mic", "t2", 150, 200)
    assert life.told[:1] == [Settled("mic", 0, 150, 100)]
    life.publishes("mic", "t2", 150, 200)
    assert life.once.settled() == [Settled("mic", 0, 200, 200)]
    life.told.clear()
    assert life.repeated("mic", "t2", 150, 200)
    assert life.told == []


def test_a_run_that_numbers_samples_anew_is_not_held_to_what_another_published() -> None:
    """The same numbers are other samples then."""
    life = Life("first")
    life.publishes("mic", "t1", 0, 1000)
    life.run = life.turns = "second"
    assert not life.repeated("mic", "t2", 0, 500)
    life.settles("mic", 0, 200)
    assert life.once.settled() == [Settled("mic", 0, 200, 0)]
    assert life.told == []


def test_what_the_fullest_memory_takes_fits_its_slot() -> None:
    """All of the finals and stretches that are remembered, with the largest numbers."""
    life, large = Life(), 1 << 62
    once = life.met("mic")
    for number in range(max(FINALS, INTERVALS)):
        first = large + 10 * number
        write = once.publishes("mic", f"t{number}", Settlement(first, first + 5, first))
    assert len(write.data) == SLOT_BYTES
