"""`heard_client` against the real daemon: every final once and in order, whatever is dropped or killed."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from heard_client import Control, Cursor, Final, Message, Missed, Subscriber

from ..support.processes import started
from ..support.v3_server import v3_server
from .coded import RATE_HZ, hearing, recording
from .running import Body, Daemon, daemon, folder

SECONDS = 6
"""Of a recording: two turns."""
WAIT_S = 40

Told = list[tuple[str, int, str]]


class Lossy(Subscriber):
    """A subscriber whose publish socket drops every second message, as ZeroMQ does for who is too slow."""

    dice = random.Random(7)

    def _take(self, arrived: dict[object, int]) -> None:
        if self._socket in arrived and self.dice.random() < 0.5:
            self._socket.recv_multipart()
            del arrived[self._socket]
        super()._take(arrived)


def subscriber(place: Path, cursor: Cursor | None = None, since: float | None = None) -> Lossy:
    return Lossy(
        f"ipc://{place}/transcripts",
        control=f"ipc://{place}/control",
        topics=["transcript.final."],
        cursor=cursor,
        since=since,
    )


def read(messages: Subscriber, count: int) -> Told:
    """Return the next `count` finals, and whatever else comes at once."""
    found: list[Message] = []
    deadline = time.monotonic() + WAIT_S
    while len(found) < count and time.monotonic() < deadline:
        message = messages.receive(0.2)
        found += [] if message is None else [message]
    while (message := messages.receive(0.2)) is not None:
        found.append(message)
    return told(found)


def told(messages: Iterable[Message]) -> Told:
    """Return run, number and text of finals."""
    return [(each.run, each.seq, each.text) for each in messages if isinstance(each, Final)]


def journalled(place: Path) -> Told:
    """Return what the journal has of all runs."""
    with Control(f"ipc://{place}/control") as control:
        return told(control.history(run="*").transcripts)


def hear(heard: Daemon) -> None:
    """Let the recording be heard to its end, with publish killed in the middle."""
    heard.wait_ready()
    heard.until(heard.finals, WAIT_S, "the first final")
    os.kill(heard.status()["processes"]["publish"]["pid"], signal.SIGKILL)
    heard.until(lambda: _is_done(heard), WAIT_S, "all to be settled")


def _is_done(heard: Daemon) -> bool:
    mic = heard.source("mic")
    return bool(mic["state"] == "ended" and mic["ledger"]["pending"] == 0)


def test_publish_killed_and_half_of_the_messages_lost(tmp_path: Path) -> None:
    """Who was there from the beginning, and who comes late, has every final of the journal, in order."""
    began = time.time()
    path = recording(tmp_path, SECONDS)
    with (
        folder() as place,
        v3_server() as server,
        hearing(path, server.url, place=place, exit_when_done=False) as heard,
        subscriber(place, since=began) as live,
    ):
        hear(heard)
        expected = journalled(place)
        assert len(expected) == 2
        assert read(live, len(expected)) == expected
        assert live.missed == {}
        with subscriber(place, since=began) as late:
            assert read(late, len(expected)) == expected


@pytest.mark.slow
def test_kills_restarts_and_half_of_the_messages_lost(tmp_path: Path) -> None:
    """Two runs, publish killed in each, half of all messages dropped: every final that the journal has, once.

    In order they come to one who was there from the beginning, to one who goes on from its cursor, and
    to one who comes late.
    """
    later = tmp_path / "later"
    later.mkdir()
    began = time.time()
    with folder() as place, v3_server() as server, subscriber(place) as live:
        with hearing(recording(tmp_path, SECONDS), server.url, place=place, exit_when_done=False) as heard:
            hear(heard)
            expected = journalled(place)
            # What was published before its first message arrived is not missed by who joins without `since`.
            last = expected[-1]
            first: Told = []
            while last not in first:
                first += read(live, 1)
            assert first == expected[len(expected) - len(first) :]
            cursor = Cursor.from_json(live.cursor.to_json())
            heard.ask("stop")
            heard.until(lambda: not heard.child.running, WAIT_S, "the daemon to end")
        with hearing(recording(later, SECONDS, 60), server.url, place=place, exit_when_done=False) as heard:
            hear(heard)
            expected = journalled(place)
            second = expected[expected.index(last) + 1 :]
            assert len({run for run, _, _ in expected}) == 2
            assert read(live, len(second)) == second
            assert live.missed == {}
            with subscriber(place, cursor) as again:
                assert read(again, len(second)) == second
            with subscriber(place, since=began) as late:
                assert read(late, len(expected)) == expected


@pytest.mark.slow
def test_forgotten_finals_are_told_to_be_missed(tmp_path: Path) -> None:
    """The number is there, the words are gone for good: a hole, and no wait."""
    missed: list[Missed] = []
    path = recording(tmp_path, 9)
    with (
        folder() as place,
        v3_server() as server,
        hearing(path, server.url, place=place, exit_when_done=False) as heard,
    ):
        heard.until(lambda: len(heard.finals()) == 3, WAIT_S, "three finals")
        second = heard.finals()[1]
        with Control(f"ipc://{place}/control") as control:
            gone = control.forget(since=second["start"] + 0.1, until=second["end"] - 0.1)
            assert gone.finals == 1
        with Subscriber(
            f"ipc://{place}/transcripts",
            control=f"ipc://{place}/control",
            topics=["transcript.final."],
            cursor=Cursor(second["run"], second["time"], {"transcript.final.mic": 0}),
            on_missed=missed.append,
        ) as reader:
            assert [seq for _, seq, _ in read(reader, 2)] == [1, 3]
    assert [(each.first, each.last, each.reason) for each in missed] == [(2, 2, "not-in-journal")]


READER = """
import sys
from heard_client import Final, Subscriber

place, finals = sys.argv[1:]
with Subscriber(f"ipc://{place}/transcripts", control=f"ipc://{place}/control") as messages:
    dropped = 0
    for message in messages:
        if isinstance(message, Final):
            print(message.source, message.seq, message.text, sum(messages.missed.values()), flush=True)
"""

SOURCES = 16
PAUSE_S = 60


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_minute_stopped_at_full_load(tmp_path: Path) -> None:
    """Sixteen sources, every topic: finals that ZeroMQ dropped come too, each once and in order."""
    path = recording(tmp_path, PAUSE_S + 30)
    sources: list[Body] = [
        {"name": f"s{n}", "input": "file", "path": str(path), "denoise": {"backend": "off"}}
        for n in range(SOURCES)
    ]
    with folder() as place, v3_server() as server:
        upstream = {"service": "assemblyai", "url": server.url, "sessions_per_minute": 1000}
        env = {**os.environ, "ASSEMBLYAI_API_KEY": "canary"}
        words = [sys.executable, "-c", READER, str(place), "finals"]
        with (
            daemon(
                sources, env=env, place=place, upstream=upstream, limit_s=230, publish={"audio": True}
            ) as heard,
            started(words, limit_s=230) as reader,
        ):
            heard.until(lambda: reader.printed().count("\n") >= SOURCES, 60, "a final of each")
            reader.signal(signal.SIGSTOP)
            heard.listen(PAUSE_S)
            reader.signal(signal.SIGCONT)
            heard.until(
                lambda: all(
                    each["state"] == "ended" and each["ledger"]["pending"] == 0
                    for each in heard.status()["sources"].values()
                ),
                90,
                "all to be settled",
            )
            expected = {(final["source"], final["seq"], final["text"]) for final in heard.finals()}
            assert len(expected) == len(heard.finals()) >= SOURCES * (PAUSE_S // 3)
            heard.until(lambda: reader.printed().count("\n") >= len(expected), 30, reader.tail())
            lines = [line.split() for line in reader.printed().splitlines()]
    came = [(source, int(seq), " ".join(text)) for source, seq, *text, _ in lines]
    assert sorted(came) == sorted(expected)
    for n in range(SOURCES):
        numbers = [seq for source, seq, _ in came if source == f"s{n}"]
        assert numbers == list(range(1, len(numbers) + 1))
    # It was stopped for so long that something was dropped: else this would show nothing.
    assert int(lines[-1][-1]) > RATE_HZ // 100
