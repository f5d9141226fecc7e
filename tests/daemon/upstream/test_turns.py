"""One final for each turn, ever."""

from hypothesis import given
from hypothesis import strategies as st

from heard.upstream.messages import Turn, Word
from heard.upstream.turns import FORMATTED_WAIT_S, Reading, Turns, text_of


def shown(readings: list[Reading]) -> list[tuple[int, bool, str]]:
    """Return order, final and text of each."""
    return [(each.turn.order, each.final, each.turn.transcript) for each in readings]


def raw(order: int) -> Turn:
    """Return a raw final."""
    return Turn(order, end_of_turn=True, transcript="raw")


def formatted(order: int) -> Turn:
    """Return a formatted final."""
    return Turn(order, end_of_turn=True, formatted=True, transcript="Formatted.")


def test_u3_partials_and_one_final() -> None:
    """Each partial replaces the one before; the final is the end of it."""
    turns = Turns()
    said = [Turn(0, transcript="a"), Turn(0, transcript="a b"), formatted(0), Turn(0, transcript="late")]
    assert shown([each for turn in said for each in turns.push(turn, 0.0)]) == [
        (0, False, "a"),
        (0, False, "a b"),
        (0, True, "Formatted."),
    ]
    assert turns.repeated == 1


def test_the_formatted_final_is_taken_of_two() -> None:
    """US models with format_turns: raw, then formatted."""
    turns = Turns(format_turns=True)
    assert turns.push(raw(0), 0.0) == []
    assert shown(turns.push(formatted(0), 0.2)) == [(0, True, "Formatted.")]
    assert turns.tick(9.0) == []


def test_the_raw_final_is_taken_after_a_short_wait() -> None:
    """And a formatted one that comes after all is not told again."""
    turns = Turns(format_turns=True)
    turns.push(raw(0), 0.0)
    assert turns.tick(FORMATTED_WAIT_S - 0.01) == []
    assert shown(turns.tick(FORMATTED_WAIT_S)) == [(0, True, "raw")]
    assert turns.push(formatted(0), 2.0) == []
    assert turns.repeated == 1


def test_the_raw_final_is_taken_when_the_next_turn_begins() -> None:
    """In order: first the final, then the partial."""
    turns = Turns(format_turns=True)
    turns.push(raw(0), 0.0)
    assert shown(turns.push(Turn(1, transcript="b"), 0.1)) == [(0, True, "raw"), (1, False, "b")]


def test_without_format_turns_nothing_waits() -> None:
    """An unformatted final is final."""
    assert shown(Turns().push(raw(0), 0.0)) == [(0, True, "raw")]


@given(
    st.booleans(),
    st.lists(st.builds(Turn, st.integers(0, 4), st.booleans(), st.booleans(), st.just("x")), max_size=30),
)
def test_never_two_finals_of_one_turn(format_turns: bool, messages: list[Turn]) -> None:
    """Whatever comes in whatever order; and no partial behind a final."""
    turns = Turns(format_turns=format_turns)
    told = [reading for turn in messages for reading in turns.push(turn, 0.0)] + turns.flush()
    finals = [reading.turn.order for reading in told if reading.final]
    assert len(finals) == len(set(finals))
    done: set[int] = set()
    for reading in told:
        assert reading.turn.order not in done
        if reading.final:
            done.add(reading.turn.order)


def test_live_text_of_us_models_holds_words_that_are_not_frozen() -> None:
    """`transcript` has the frozen words only; U3's has its own punctuation."""
    words = tuple(Word(text, 0, 0) for text in ("my", "name", "is"))
    assert text_of(Turn(0, transcript="my", words=words)) == "my name is"
    assert text_of(Turn(0, transcript="My name is—", words=words)) == "My name is—"
    assert text_of(Turn(0, transcript="", words=words)) == "my name is"
    assert text_of(Turn(0)) == ""
