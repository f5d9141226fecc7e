"""Turns from probabilities alone."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heard.recognizer.engines import TurnSettings
from heard.recognizer.turns import Ended, Opened, Paused, Split, TurnEvent, TurnTracker

CHUNK = 512
SETTINGS = TurnSettings(min_turn_silence_ms=320, max_turn_silence_ms=640, vad_threshold=0.5)


def tracker(settings: TurnSettings = SETTINGS, max_turn_s: float = 15.0) -> TurnTracker:
    return TurnTracker(settings, chunk_samples=CHUNK, max_turn_s=max_turn_s)


def feed(turns: TurnTracker, *runs: tuple[float, int]) -> list[TurnEvent]:
    """Push runs of (probability, chunks), loud where there is speech, and return the events."""
    events = [turns.push(p, -20.0 if p > 0.3 else -60.0) for p, chunks in runs for _ in range(chunks)]
    return [event for event in events if event is not None]


def test_a_turn_opens_at_its_first_speech_and_ends_at_its_last() -> None:
    """Opened and Ended name the samples of the speech, not of the moments of decision."""
    assert feed(tracker(), (0.0, 10), (0.9, 20), (0.0, 30)) == [
        Opened(10 * CHUNK),
        Paused(30 * CHUNK),
        Ended(30 * CHUNK, ((10 * CHUNK, 30 * CHUNK),)),
    ]


def test_a_click_opens_no_turn() -> None:
    """Two chunks of 32 ms are too short for speech."""
    assert feed(tracker(), (0.0, 5), (0.9, 2), (0.0, 40)) == []


def test_speech_goes_on_below_the_threshold_that_began_it() -> None:
    """Hysteresis: 0.4 keeps a turn open that 0.5 opened, but opens none."""
    assert feed(tracker(), (0.4, 40)) == []
    assert feed(tracker(), (0.9, 5), (0.4, 40)) == [Opened(0)]


def test_each_pause_is_told_once() -> None:
    """A pause is told when it is long enough, and again only after more speech."""
    events = feed(tracker(), (0.9, 10), (0.0, 15), (0.9, 10), (0.0, 15))
    assert events == [Opened(0), Paused(10 * CHUNK), Paused(35 * CHUNK)]


def test_a_turn_ended_by_the_caller_is_over() -> None:
    """After `end` the silence that follows brings nothing, and speech opens another turn."""
    turns = tracker()
    feed(turns, (0.9, 10), (0.0, 12))
    turns.end()
    assert turns.start is None
    assert feed(turns, (0.0, 40), (0.9, 3)) == [Opened(62 * CHUNK)]


def test_silences_can_be_changed_while_a_turn_is_open() -> None:
    """A longer silence set in mid-turn counts for that turn."""
    turns = tracker()
    feed(turns, (0.9, 10))
    turns.settings = TurnSettings(min_turn_silence_ms=3000, max_turn_silence_ms=3000)
    assert feed(turns, (0.0, 60)) == []


def test_a_minimum_above_the_maximum_ends_at_the_minimum() -> None:
    """Whoever only raises the minimum does not get turns that end before it."""
    turns = tracker(TurnSettings(min_turn_silence_ms=960, max_turn_silence_ms=320))
    assert feed(turns, (0.9, 10), (0.0, 29)) == [Opened(0)]
    assert feed(turns, (0.0, 1)) == [Ended(10 * CHUNK, ((0, 10 * CHUNK),))]


def test_no_silence_asked_for_still_needs_a_silent_chunk() -> None:
    """With both silences at 0 a turn ends at its first chunk without speech."""
    turns = tracker(TurnSettings(min_turn_silence_ms=0, max_turn_silence_ms=0))
    assert feed(turns, (0.9, 5), (0.0, 1)) == [Opened(0), Ended(5 * CHUNK, ((0, 5 * CHUNK),))]


def test_long_speech_is_split_in_its_deepest_dip() -> None:
    """Of two gaps too short to end a turn, the silent one is cut, in its middle."""
    turns = tracker(max_turn_s=3.2)  # 100 chunks, split from the 60th on
    events = feed(turns, (0.9, 62), (0.45, 5), (0.9, 8), (0.1, 5), (0.9, 40))
    assert events[0] == Opened(0)
    split = events[1]
    assert isinstance(split, Split)
    assert split.at == 77 * CHUNK
    assert split.speech[-1][1] <= split.at
    assert turns.start == split.at


def test_speech_without_any_dip_is_split_all_the_same() -> None:
    """Twice the longest turn of constant speech is split, and the pieces lie end to end."""
    turns = tracker(max_turn_s=3.2)
    splits = [e for e in feed(turns, (0.9, 300)) if isinstance(e, Split)]
    assert len(splits) >= 2
    assert all(b.speech[0][0] == a.at for a, b in pairwise(splits))


def test_speech_names_the_stretches_and_closes_short_gaps() -> None:
    """Gaps of up to 3 chunks belong to speech; what comes after `until` is left out."""
    turns = tracker()
    feed(turns, (0.9, 10), (0.0, 2), (0.9, 8), (0.0, 8), (0.9, 4))
    assert turns.speech() == ((0, 20 * CHUNK), (28 * CHUNK, 32 * CHUNK))
    assert turns.speech(until=15 * CHUNK) == ((0, 15 * CHUNK),)


@pytest.mark.parametrize("max_turn_s", [1.0, 4.0])
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-90, 0)), max_size=400))
def test_turns_never_overlap(max_turn_s: float, chunks: list[tuple[float, float]]) -> None:
    """Whatever comes, every turn begins where or after the one before ended, and speech lies within."""
    turns = tracker(max_turn_s=max_turn_s)
    start, floor = None, 0
    for probability, level_db in chunks:
        match turns.push(probability, level_db):
            case Opened(at):
                assert start is None
                assert at >= floor
                start = at
            case Ended(end, speech):
                assert start is not None
                assert start <= speech[0][0] < speech[-1][1] <= end <= turns.position
                start, floor = None, end
            case Split(at, speech):
                assert start is not None
                assert start <= speech[0][0] < at
                assert speech[-1][1] <= at
                start = floor = at
            case Paused(end):
                assert start is not None
                assert start < end < turns.position
            case None:
                pass
