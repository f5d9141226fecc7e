"""What `heardctl listen` says about the arrival of messages."""

from pathlib import Path

from heard.wire.codec import pack
from heard_client.cli.listen import SILENCE_S, _Watch
from heard_client.parsing import parse
from heard_client.subscribe import Subscriber


def test_a_silent_daemon_is_noted_once_and_its_return_too(tmp_path: Path) -> None:
    """The status comes every second; four seconds without anything mean that it is away."""
    message = parse("status", pack({}))
    with Subscriber(f"ipc://{tmp_path}/t") as subscriber:
        watch = _Watch(subscriber)
        assert watch.remarks(None, 100.0) == []
        assert watch.remarks(message, 103.0) == []
        assert watch.remarks(None, 103.0 + SILENCE_S) == []
        assert watch.remarks(None, 103.1 + SILENCE_S) == ["nothing from heard for 4 s; waiting for it"]
        assert watch.remarks(None, 200.0) == []
        assert watch.remarks(message, 201.0) == ["heard is back"]
        assert watch.remarks(message, 202.0) == []


def test_missed_finals_are_counted_once(tmp_path: Path) -> None:
    """Partials and levels may be missed: the next one replaces them."""
    with Subscriber(f"ipc://{tmp_path}/t") as subscriber:
        watch = _Watch(subscriber)
        subscriber.missed = {"transcript.final.mic": 2, "transcript.partial.mic": 9}
        assert watch.remarks(None, 0.0) == ["2 finished turns were missed and cannot be had any more"]
        assert watch.remarks(None, 1.0) == []
