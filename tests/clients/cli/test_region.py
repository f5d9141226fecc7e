"""Lines redrawn in place leave nothing behind, whatever the terminal's width does."""

from io import StringIO
from typing import TextIO, cast

from hypothesis import given
from hypothesis import strategies as st

from heard_client.cli.region import Line, Region

from .screen import Screen


def region_on(screen: Screen) -> Region:
    return Region(cast("TextIO", screen), lambda: screen.columns)


def test_lines_replace_each_other() -> None:
    """A shorter text leaves none of the longer one's letters."""
    screen = Screen(20)
    region = region_on(screen)
    region.draw([Line("the turn so far"), Line("and more")])
    region.draw([Line("the turn")])
    assert screen.shown() == ["the turn"]


def test_finished_lines_scroll_away_above() -> None:
    """They stay; the moving part is below them."""
    screen = Screen(20)
    region = region_on(screen)
    region.draw([Line("so f")])
    region.scroll([Line("so far"), Line("so good")], [Line("and n")])
    region.scroll([], [Line("and now")])
    assert screen.shown() == ["so far", "so good", "and now"]
    region.close()
    assert screen.shown() == ["so far", "so good", ""]


def test_a_narrower_terminal_folds_what_was_drawn() -> None:
    """Twenty columns of text fill three rows of eight; all three are cleared."""
    screen = Screen(24)
    region = region_on(screen)
    region.scroll([Line("a final")], [Line("x" * 20), Line("y" * 9)])
    screen.resize(8)
    assert screen.shown() == ["a final", "x" * 8, "x" * 8, "x" * 4, "y" * 8, "y"]
    region.draw([Line("z" * 7)])
    assert screen.shown() == ["a final", "z" * 7]


@given(
    st.lists(
        st.tuples(st.integers(5, 40), st.lists(st.integers(0, 60), max_size=3), st.integers(0, 2)), max_size=8
    )
)
def test_nothing_stale_is_left_by_any_sequence(steps: list[tuple[int, list[int], int]]) -> None:
    """Resizes, drawn lines and finished lines in any order: only finished and current lines are seen."""
    screen = Screen(40)
    region = region_on(screen)
    finished = 0
    current: list[str] = []
    for columns, widths, done in steps:
        screen.resize(columns)
        current = ["x" * min(width, columns - 1) for width in widths]
        region.scroll([Line("f") for _ in range(done)], [Line(text) for text in current])
        finished += done
        assert screen.shown() == ["f"] * finished + (current or [""])


def test_a_line_is_shown_with_its_style_and_without_one() -> None:
    """No style, no escape: a terminal without colours gets plain text."""
    stream = StringIO()
    Region(stream, lambda: 80).draw([Line("loud", "1;31"), Line("plain")])
    assert stream.getvalue() == "\r\x1b[2K\x1b[1;31mloud\x1b[0m\nplain"
