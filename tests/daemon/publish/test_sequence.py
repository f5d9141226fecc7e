"""Numbers of messages: from 1 without a gap per topic, through restarts, and never twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.publish.sequence import KIND, SLOT_BYTES, Sequence
from heard.publish.slots import Slots
from heard.wire.codec import WireError
from heard.wire.topics import Topic, full

from .test_slots import apply


def fresh(image: bytes = b"", run: str = "run") -> Sequence:
    return Sequence(Slots(image, run, KIND, SLOT_BYTES))


def test_each_topic_counts_for_itself() -> None:
    """`status` and the topics of two sources, all from 1."""
    sequence = fresh()
    topics = ["status", "transcript.final.a", "status", "transcript.final.b", "status"]
    assert [sequence.next(topic)[0] for topic in topics] == [1, 1, 2, 1, 3]
    assert sequence.total == 5


@given(st.lists(st.tuples(st.sampled_from(["status", "level.mic", "level.hall"]), st.booleans())))
def test_a_kill_at_any_moment_gives_no_number_twice(steps: list[tuple[str, bool]]) -> None:
    """The number is written before it is used, so a new process goes on behind it."""
    image = Slots(b"", "run", KIND, SLOT_BYTES).header().data
    sequence = fresh(image)
    given_out: list[tuple[str, int]] = []
    for topic, killed in steps:
        seq, write = sequence.next(topic)
        image = apply(image, write)
        given_out.append((topic, seq))
        if killed:
            sequence = fresh(image)
    assert len(set(given_out)) == len(given_out)
    for topic in {topic for topic, _ in given_out}:
        numbers = [seq for name, seq in given_out if name == topic]
        assert numbers == list(range(1, len(numbers) + 1))
    assert sequence.total == len(given_out)


def test_another_run_starts_at_one() -> None:
    """A number counts within a run."""
    sequence = fresh()
    image = apply(Slots(b"", "run", KIND, SLOT_BYTES).header().data, sequence.next("status")[1])
    assert fresh(image).next("status")[0] == 2
    assert fresh(image, "run2").next("status")[0] == 1


def test_the_longest_source_name_fits() -> None:
    """32 characters under the longest topic; more is refused, not cut."""
    longest = max(Topic, key=len)
    fresh().next(full(longest, "n" * 32))
    with pytest.raises(WireError):
        fresh().next(full(longest, "n" * 64))


def test_the_newest_numbers_of_the_topics_that_are_kept() -> None:
    """By full topic, for the status; a topic without a message is not named."""
    sequence = fresh()
    for topic in (
        "transcript.final.mic",
        "transcript.final.mic",
        "transcript.revised.mic",
        "level.mic",
        "status",
    ):
        sequence.next(topic)
    kept = (Topic.FINAL, Topic.REVISED)
    assert sequence.last(kept) == {"transcript.final.mic": 2, "transcript.revised.mic": 1}
