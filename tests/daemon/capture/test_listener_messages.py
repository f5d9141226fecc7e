"""What a listener says arrives as it was said, however the pipe cuts it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.capture.listener_messages import Audio, Lost, Message, Opened, Reader, pack

messages = st.one_of(
    st.builds(
        Opened,
        label=st.text(),
        kind=st.sampled_from(["input", "monitor"]),
        system=st.sampled_from(["pulse", "portaudio"]),
        rate_hz=st.integers(1, 384_000),
        channels=st.integers(1, 64),
    ),
    st.builds(Lost, why=st.text(), moved=st.booleans()),
    st.builds(
        Audio,
        pcm=st.binary(max_size=64),
        frame=st.integers(0, 2**60),
        at=st.floats(0, 1e9),
        lost=st.integers(0, 2**60),
        missing=st.integers(0, 2**60),
        overrun=st.booleans(),
    ),
)


@settings(deadline=None)
@given(st.lists(messages, max_size=8), st.integers(1, 50))
def test_messages_survive_any_cutting(said: list[Message], size: int) -> None:
    """In order, each once."""
    data, reader = b"".join(map(pack, said)), Reader()
    heard = [each for at in range(0, len(data), size) for each in reader.feed(data[at : at + size])]
    assert heard == said


def test_what_no_listener_says() -> None:
    """Another program's output is no message."""
    with pytest.raises(ValueError, match="no message of a listener"):
        list(Reader().feed(b"hello, world"[:1] + b"\0\0\0\0"))
