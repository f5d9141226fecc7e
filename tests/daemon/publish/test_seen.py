"""Numbers of published events: known to the next process of the run, whatever the order they came in."""

from __future__ import annotations

from heard.publish.seen import KIND, MOST, SLOT_BYTES, Seen
from heard.publish.slots import Slots

from .test_slots import apply


def fresh(image: bytes = b"", run: str = "run") -> Seen:
    return Seen(Slots(image, run, KIND, SLOT_BYTES))


def test_what_was_published_is_known_to_the_next_process_and_to_no_other_run() -> None:
    """In any order; what has no number was never seen."""
    image = Slots(b"", "run", KIND, SLOT_BYTES).header().data
    seen = fresh(image)
    for number in (30, 10, 2**60):
        image = apply(image, seen.publishes(number))
    again = fresh(image)
    assert [number in again for number in (30, 10, 2**60, 20, 0)] == [True, True, True, False, False]
    assert 30 not in fresh(image, "run2")


def test_the_newest_are_kept() -> None:
    """They fit their slot, however many there were."""
    seen = fresh()
    for number in range(1, 3 * MOST):
        seen.publishes(number)
    assert (2 * MOST - 1 in seen, 2 * MOST in seen) == (False, True)
