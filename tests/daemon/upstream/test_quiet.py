"""Where audio is quietest."""

from array import array

from heard.upstream.quiet import quietest


def test_the_middle_of_a_pause_is_found() -> None:
    """Between two loud stretches."""
    pcm = array("h", [8000] * 4000 + [3] * 2000 + [8000] * 4000).tobytes()
    assert 4500 <= quietest(pcm, 1000) <= 5500


def test_of_equals_the_last_counts() -> None:
    """All silent: the newest place; it leaves the least to be heard again."""
    assert quietest(bytes(2 * 10_000), 1000) == 9500


def test_audio_shorter_than_the_window_is_cut_at_its_end() -> None:
    """There is nothing to choose."""
    assert quietest(bytes(2 * 100), 1000) == 100
    assert quietest(b"", 1000) == 0
