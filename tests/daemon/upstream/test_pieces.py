"""A message of any number of frames, of bounded size."""

import pytest

from heard.upstream.pieces import LARGEST_MESSAGE, Pieces, TooLargeError


def test_pieces_are_joined_and_the_next_message_begins_anew() -> None:
    """In order; empty ones are nothing, an empty message is one."""
    pieces = Pieces()
    for _ in range(2):
        assert pieces.add(b"he", last=False) is None
        assert pieces.add(b"", last=False) is None
        assert pieces.add(b"ard", last=True) == b"heard"
    assert pieces.add(b"", last=True) == b""


def test_what_grows_too_large_is_refused() -> None:
    """By one byte; as much as is allowed comes through."""
    half = bytes(LARGEST_MESSAGE // 2)
    pieces = Pieces()
    assert pieces.add(half, last=False) is None
    assert pieces.add(half, last=True) == half + half
    assert pieces.add(half, last=False) is None
    assert pieces.add(half, last=False) is None
    with pytest.raises(TooLargeError):
        pieces.add(b"x", last=True)


def test_empty_pieces_are_not_kept() -> None:
    """A million of them take no memory, and the time of a loop."""
    pieces = Pieces()
    for _ in range(1_000_000):
        pieces.add(b"", last=False)
    assert pieces.add(b"x", last=True) == b"x"
