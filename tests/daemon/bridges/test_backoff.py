"""Delays that grow, with chance in them, and end growing."""

from itertools import islice

from heard.bridges.backoff import delays


def test_delays_double_up_to_the_most() -> None:
    """With no chance, half of each; with all of it, the whole."""
    assert list(islice(delays(0.5, 3, lambda: 0.0), 5)) == [0.25, 0.5, 1.0, 1.5, 1.5]
    assert list(islice(delays(0.5, 3, lambda: 1.0), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_chance_is_within_its_half() -> None:
    """As it comes."""
    assert all(30 <= delay <= 60 for delay in islice(delays(60, 60), 100))
