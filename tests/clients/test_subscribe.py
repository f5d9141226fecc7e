"""`Subscriber` over real sockets: prefixes, sources, holes, garbage, a publisher that comes and goes."""

import threading
import time
from pathlib import Path

import pytest

from heard.wire.codec import pack
from heard_client.errors import EndpointError
from heard_client.messages import Message
from heard_client.sequences import Missed
from heard_client.subscribe import Subscriber

from ..support.poll import until
from .peers import Publisher, final, publishing

ARRIVES_S = 30.0


def receive(subscriber: Subscriber) -> Message:
    message = subscriber.receive(ARRIVES_S)
    assert message is not None
    return message


def await_subscription(daemon: Publisher, subscriber: Subscriber) -> None:
    """Wait until the subscription is in effect: ZeroMQ renews it while the subscriber asks for messages."""
    until(lambda: subscriber.receive(0) or daemon.subscription(), ARRIVES_S, "the subscription")


def test_it_yields_typed_messages_of_the_topics_asked_for(tmp_path: Path) -> None:
    """A prefix is enough; the rest never crosses the socket."""
    with (
        publishing(tmp_path / "t") as daemon,
        Subscriber(daemon.endpoint, topics=["transcript.final.", "gap."]) as subscriber,
    ):
        assert sorted(daemon.await_subscriptions(2)) == ["gap.", "transcript.final."]
        daemon.send("transcript.partial.mic", final("so"))
        daemon.send("transcript.final.mic", final("so far"))
        daemon.send("gap.mic", {"reason": "xrun"})
        assert [receive(subscriber).topic for _ in range(2)] == ["transcript.final.mic", "gap.mic"]


def test_a_source_is_told_from_one_whose_name_begins_alike(tmp_path: Path) -> None:
    """ZeroMQ compares prefixes: `mic2` passes where `mic` is asked for. Status is about all."""
    with (
        publishing(tmp_path / "t") as daemon,
        Subscriber(daemon.endpoint, topics=["transcript.final.", "status"], source="mic") as subscriber,
    ):
        assert sorted(daemon.await_subscriptions(2)) == ["status", "transcript.final.mic"]
        daemon.send("transcript.final.mic2", final("not this"))
        daemon.send("status", {"state": "ready"})
        daemon.send("transcript.final.mic", final("this"))
        assert [receive(subscriber).topic for _ in range(2)] == ["status", "transcript.final.mic"]


def test_iteration_ends_when_nothing_arrives_in_time(tmp_path: Path) -> None:
    """With a limit the loop ends by itself; `receive` returns None then."""
    with publishing(tmp_path / "t") as daemon, Subscriber(daemon.endpoint, timeout_s=0.3) as subscriber:
        daemon.await_subscriptions(1)
        daemon.send("transcript.final.mic", final("one"))
        daemon.send("transcript.final.mic", final("two"))
        assert [receive(subscriber).seq for _ in range(2)] == [1, 2]
        assert list(subscriber) == []
        assert subscriber.receive(0) is None


def test_holes_are_counted_and_told_before_the_message_behind_them(tmp_path: Path) -> None:
    """A program that must not miss a final asks for it there and then."""
    told: list[Missed] = []
    with (
        publishing(tmp_path / "t") as daemon,
        Subscriber(daemon.endpoint, on_missed=told.append) as subscriber,
    ):
        daemon.await_subscriptions(1)
        for seq in (5, 6, 9):
            daemon.send("transcript.final.mic", final("word"), seq=seq)
        assert receive(subscriber).seq == 5
        assert receive(subscriber).seq == 6
        assert told == []
        assert receive(subscriber).seq == 9
        assert told == [Missed("transcript.final.mic", "run-1", 7, 8, "no-control")]
        assert subscriber.missed == {"transcript.final.mic": 2}


def test_a_flood_of_what_is_not_wanted_does_not_hold_the_caller_up(tmp_path: Path) -> None:
    """Prefixes let another source's messages through: they are no reason to wait longer than was asked."""
    with (
        publishing(tmp_path / "t") as daemon,
        Subscriber(daemon.endpoint, topics=["level."], source="m") as it,
    ):
        daemon.await_subscriptions(1)
        ended = threading.Event()

        def flood() -> None:
            while not ended.is_set():
                daemon.send("level.m2", {"rms_dbfs": -20.0})

        thread = threading.Thread(target=flood)
        thread.start()
        try:
            until(lambda: it.receive(0) or it.run, ARRIVES_S, "the flood")
            began = time.monotonic()
            assert it.receive(0.2) is None
            assert time.monotonic() - began < ARRIVES_S / 2
        finally:
            ended.set()
            thread.join(ARRIVES_S)


def test_garbage_is_counted_and_passed_over(tmp_path: Path) -> None:
    """Nothing that arrives ends the subscription."""
    with publishing(tmp_path / "t") as daemon, Subscriber(daemon.endpoint) as subscriber:
        daemon.await_subscriptions(1)
        garbage = [[b"transcript.final.mic"], [b"a", b"b", b"c"], [b"\xff\xfe", b""], [b"status", b"\xc1"]]
        for frames in garbage:
            daemon.send_frames(frames)
        daemon.send_frames([b"transcript.final.mic", pack({"text": 3})])
        daemon.send_frames([b"weather.mic", pack({})])
        daemon.send("transcript.final.mic", final("word"))
        assert receive(subscriber).topic == "transcript.final.mic"
        assert (subscriber.malformed, subscriber.unknown) == (5, 1)


def test_it_waits_for_a_daemon_and_survives_its_restart(tmp_path: Path) -> None:
    """The subscription comes before the daemon, and is made anew with the next run."""
    with Subscriber(f"ipc://{tmp_path}/t", topics=["transcript.final."]) as subscriber:
        for run in ("a", "b"):
            with publishing(tmp_path / "t") as daemon:
                daemon.run = run
                await_subscription(daemon, subscriber)
                daemon.send("transcript.final.mic", final(run))
                assert receive(subscriber).run == run
        assert subscriber.run == "b"
        assert subscriber.missed == {}


def test_an_address_that_cannot_be_used_is_refused() -> None:
    """Before a socket is made."""
    with pytest.raises(EndpointError, match="'transcripts': must be"):
        Subscriber("transcripts")


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    """A `with` block around code that closes is fine."""
    with Subscriber(f"ipc://{tmp_path}/t") as subscriber:
        subscriber.close()
