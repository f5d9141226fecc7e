"""The publish process as a child, with real sockets on all sides: its neighbours are played by the test.

The subscriber uses pyzmq and msgpack alone, as a stranger's program would.
"""

from __future__ import annotations

import signal
import sqlite3
import stat
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

from heard.pipes import ACKS, EVENTS, POSITIONS, Pipes
from heard.publish import process
from heard.publish.journal import FILE_NAME
from heard.publish.once import FINALS, joined
from heard.settings import Publish, Settings
from heard.stage import RunFile
from heard.wire.control import Code
from heard.wire.events import Ack, Event, Settlement
from heard.wire.positions import Settled, unpack_position
from heard.wire.report import Answer, Order, Report, unpack_from_stage
from heard.wire.topics import Topic

from ...support.poll import until
from ...support.processes import Child, started
from ...system.running import folder
from .test_bodies import transcript

WAIT_S = 30.0
LEVEL: dict[str, object] = {
    "rms_dbfs": -30.0,
    "peak_dbfs": -20.0,
    "denoised_rms_dbfs": -31.0,
    "denoised_peak_dbfs": -21.0,
}

Body = dict[str, Any]  # what a stranger's client gets from msgpack


class Around:
    """All that publish talks to: capture's and upstream's ends, supervise's, and a subscriber."""

    def __init__(self, path: Path, publish: Publish, run: str = "run1") -> None:
        self.path = path
        self.endpoint = f"ipc://{path}/transcripts"
        state = path / "state"
        settings = Settings(runtime_dir=str(path), state_dir=str(state), publish=publish)
        RunFile(run, settings, frozenset()).write(path)
        self.pipes = Pipes(path)
        self.events = self.pipes.push(EVENTS)
        self.acks = self.pipes.pull(ACKS)
        self.positions = self.pipes.pull(POSITIONS)
        self.reports = self.pipes.reports_router()
        self.context = zmq.Context()
        self.subscriber = self.context.socket(zmq.SUB)
        self.subscriber.setsockopt(zmq.RCVHWM, 0)
        self.subscriber.subscribe("")
        self.subscriber.connect(self.endpoint)
        self.last_report: Report | None = None
        self.answers: dict[int, Answer] = {}
        self.knocks = 0

    def close(self) -> None:
        """Close every socket."""
        self.context.destroy(linger=0)
        for socket in (self.events, self.acks, self.positions, self.reports):
            socket.close(linger=0)
        self.pipes.close()

    def say(self, *events: Event) -> None:
        """Hand events to publish."""
        for event in events:
            self.events.send(event.pack(), zmq.NOBLOCK)

    def next(self) -> tuple[str, Body]:
        """Return the next message that the subscriber gets."""
        assert self.subscriber.poll(int(WAIT_S * 1000)), "nothing was published"
        topic, data = self.subscriber.recv_multipart()
        return topic.decode(), msgpack.unpackb(data)

    def acked(self) -> Ack:
        """Return the next acknowledgement."""
        assert self.acks.poll(int(WAIT_S * 1000)), "nothing was acknowledged"
        return Ack.unpack(self.acks.recv())

    def settled(self) -> Settled:
        """Return the next settlement that capture hears of."""
        assert self.positions.poll(int(WAIT_S * 1000)), "nothing was settled"
        position = unpack_position(self.positions.recv())
        assert isinstance(position, Settled)
        return position

    def order(self, number: int, op: str, **args: object) -> None:
        """Give an order as supervise does."""
        self.reports.send_multipart([b"publish", Order(number, op, "", dict(args)).pack()])

    def answer(self, number: int) -> Answer:
        """Return the answer to an order."""

        def found() -> Answer | None:
            self._read_reports()
            return self.answers.get(number)

        answer = until(found, WAIT_S, f"the answer to order {number}")
        assert answer is not None
        return answer

    def asked(self, number: int, op: str, **args: object) -> Body:
        """Give an order and return the result."""
        self.order(number, op, **args)
        answer = self.answer(number)
        assert answer.code is None, answer.message
        return msgpack.unpackb(answer.packed) if answer.packed else answer.result

    def _read_reports(self) -> None:
        while self.reports.poll(0):
            message = unpack_from_stage(self.reports.recv_multipart()[1])
            if isinstance(message, Report):
                self.last_report = message
            else:
                self.answers[message.number] = message

    def report(self, **counters: int) -> Report:
        """Return the first report with these counters."""

        def found() -> bool:
            self._read_reports()
            report = self.last_report
            return report is not None and counters.items() <= report.counters.items()

        until(found, WAIT_S, f"a report with {counters}")
        assert self.last_report is not None
        return self.last_report

    def start(self) -> Iterator[Child]:
        """Run publish, and wait until the subscriber has found it."""
        argv = [sys.executable, "-m", "heard.publish", "--runtime-dir", str(self.path)]
        with started(argv, limit_s=110) as child:
            assert self.acked() == Ack(0, fresh=True), child.tail()
            # A SUB has no say in when it is connected: levels are sent until one arrives.
            until(self._is_heard, WAIT_S, "the first message", interval_s=0.1)
            yield child

    def _is_heard(self) -> bool:
        self.knocks += 1
        self.say(Event(Topic.LEVEL, f"start-up-{self.knocks}", LEVEL))
        if not self.subscriber.poll(100):
            return False
        # All of them: one that comes late would be taken for what a test waits for.
        while self.next()[0] != f"level.start-up-{self.knocks}":
            pass
        return True


@contextmanager
def around(publish: Publish | None = None) -> Iterator[Around]:
    """Yield the neighbours of a publish process in a folder of their own."""
    with folder() as path:
        settings = publish or Publish()
        neighbours = Around(
            path,
            Publish(
                endpoint=f"ipc://{path}/transcripts",
                partials=settings.partials,
                audio=settings.audio,
                journal=settings.journal,
                journal_days=settings.journal_days,
            ),
        )
        try:
            yield neighbours
        finally:
            neighbours.close()


running = contextmanager(Around.start)


def final(number: int, turn: str, *samples: int) -> Event:
    """Return a final as upstream sends it, settling [start, stop) with the anchor at stop."""
    settles = Settlement(samples[0], samples[1], samples[1]) if samples else None
    return Event(Topic.FINAL, "mic", transcript(turn_id=turn), number, settles, received_at=1.0)


def journalled(path: Path) -> list[tuple[str, int]]:
    """Return turn and number of each final in the journal."""
    with closing(sqlite3.connect(path / "state" / FILE_NAME)) as database:
        return database.execute("SELECT turn_id, seq FROM finals ORDER BY time").fetchall()


def test_a_final_is_journalled_published_settled_and_acknowledged() -> None:
    """The row is there when the message arrives; then capture and upstream hear of it."""
    with around() as it, running(it):
        it.say(final(5, "t1", 0, 16000))
        topic, body = it.next()
        assert journalled(it.path) == [("t1", 1)]
        assert topic == "transcript.final.mic"
        assert (body["v"], body["run"], body["seq"], body["turn_id"]) == (1, "run1", 1, "t1")
        assert body["latency_ms"]["total"] == pytest.approx(
            sum(value for name, value in body["latency_ms"].items() if name != "total")
        )
        assert it.settled() == Settled("mic", 0, 16000, 16000)
        assert it.acked() == Ack(5)
        until(lambda: it.report().own["journal_rows"] == 1, WAIT_S, "the row's report")
        latency = it.report().sources["mic"]["latency_ms"]
        assert isinstance(latency, dict)
        assert set(latency) == {"publish", "total"}


def test_topics_count_for_themselves() -> None:
    """Partials, levels and status each from 1; only what subscribers asked for is sent."""
    with around(Publish(partials=False)) as it, running(it):
        partial = Event(Topic.PARTIAL, "mic", transcript())
        audio = Event(Topic.AUDIO, "mic", {"sample": 0, "start": 1.0, "rate_hz": 16000, "pcm": b"12"})
        status = Event(Topic.STATUS, "", {"state": "ready"})
        level = Event(Topic.LEVEL, "mic", LEVEL)
        silence = Event(None, "mic", {"turns": ""}, 1, Settlement(0, 9, 0))
        it.say(partial, audio, level, status, level, silence)
        seen = [it.next() for _ in range(3)]
        assert [(topic, body["seq"]) for topic, body in seen] == [
            ("level.mic", 1),
            ("status", 1),
            ("level.mic", 2),
        ]
        assert it.settled() == Settled("mic", 0, 9, 0)
        assert not it.subscriber.poll(100)


def test_garbage_is_counted_and_the_rest_goes_on() -> None:
    """What is no event, and an event that no subscriber could read; the latter is not asked for again."""
    with around() as it, running(it) as child:
        it.events.send(b"\xc1 garbage")
        it.events.send(b"")
        it.say(Event(Topic.FINAL, "mic", {"turn_id": 7}, 3, Settlement(0, 10, 10)))
        it.say(Event(Topic.LEVEL, "n" * 200, LEVEL), final(4, "t1", 5, 1), final(5, "t2"))
        assert it.next()[1]["turn_id"] == "t2"
        assert [it.acked() for _ in range(3)] == [Ack(3), Ack(4), Ack(5)]
        it.report(unreadable_events=5)
        assert not it.positions.poll(0), "what was not published is not settled"
        assert child.complained().count("unreadable event") == 1, "a flood is said once"


@pytest.mark.parametrize("journal", [True, False])
def test_a_killed_publish_goes_on_where_it_was(*, journal: bool) -> None:
    """Numbers continue, what was published is not published again, what was not is; all is settled."""
    with around(Publish(journal=journal)) as it:
        with running(it) as child:
            it.say(final(1, "t1", 0, 100), Event(Topic.LEVEL, "mic", LEVEL))
            assert [it.next()[1]["seq"] for _ in range(2)] == [1, 1]
            assert (it.settled(), it.acked()) == (Settled("mic", 0, 100, 100), Ack(1))
            child.signal(signal.SIGKILL)
            child.wait(WAIT_S)
        # While it is away: upstream's second turn; and, for the fresh one, all that was not acknowledged.
        it.say(final(2, "t2", 100, 200))
        with running(it):
            assert it.settled() == Settled("mic", 0, 100, 100), "capture may not have heard it"
            it.say(final(1, "t1", 0, 100), final(2, "t2", 100, 200), final(3, "other", 20, 180))
            it.say(final(4, "t3", 200, 300), Event(Topic.LEVEL, "mic", LEVEL))
            heard = [it.next() for _ in range(2)]
            acks = [it.acked().number for _ in range(5)]
            assert acks == [2, 1, 2, 3, 4]
            rows = 3 if journal else 0
            until(
                lambda: it.report(repeated_finals=3).own["journal_rows"] == rows, WAIT_S, "the rows' report"
            )
        told = [(body.get("turn_id"), body["seq"]) for _, body in heard]
        assert told == [("t3", 3), (None, 2)]
        if journal:
            assert journalled(it.path) == [("t1", 1), ("t2", 2), ("t3", 3)]


def test_what_is_sent_again_is_published_once_whatever_it_is() -> None:
    """To the same process, which was greeted late, and to the next one; a number apart is another event."""
    opened: Body = {"event": "open", "session": "s", "reason": ""}
    first, second = Event(Topic.UPSTREAM, "mic", opened, 11), Event(Topic.UPSTREAM, "mic", opened, 12)
    with around() as it:
        with running(it) as child:
            it.say(first, first)
            assert [it.acked() for _ in range(2)] == [Ack(11)] * 2
            assert it.report(repeated_events=1)
            child.signal(signal.SIGKILL)
            child.wait(WAIT_S)
        with running(it):
            # What it sees first may be later than what its predecessor lost.
            it.say(second, Event(Topic.UPSTREAM, "mic", opened, 10), first, second)
            assert [it.acked().number for _ in range(4)] == [12, 10, 11, 12]
            it.say(final(13, "t1", 0, 100))
            told = [it.next()]
            while told[-1][0] != "transcript.final.mic":
                told.append(it.next())
        assert [body["seq"] for topic, body in told if topic == "upstream.mic"] == [2, 3]


def test_a_subscriber_misses_no_final_through_kills() -> None:
    """The new process gives subscribers the time to come back before it sends what is due."""
    with around() as it:
        # Slower than libzmq's default of 100 ms: it comes back after 150 to 300 ms.
        it.subscriber.setsockopt(zmq.RECONNECT_IVL, 150)
        it.subscriber.disconnect(it.endpoint)
        it.subscriber.connect(it.endpoint)
        with running(it) as child:
            child.signal(signal.SIGKILL)
            child.wait(WAIT_S)
        argv = [sys.executable, "-m", "heard.publish", "--runtime-dir", str(it.path)]
        arrived = number = 0
        while arrived < 3:
            number += 1
            # A subscriber that is stopped just then for longer than the grace misses one, and rightly so.
            assert number <= 6, f"only {arrived} of {number - 1} arrived"
            it.say(final(number, f"t{number}", 100 * number, 100 * number + 100))
            with started(argv, limit_s=110) as child:
                # It is asked for messages all the while: so long libzmq renews its subscription.
                until(
                    lambda number=number: (
                        it.subscriber.poll(0)  # type: ignore[misc]
                        or (it.acks.poll(0) and it.acked() == Ack(number))
                    ),
                    WAIT_S,
                    "the final to be sent",
                )
                if it.subscriber.poll(4000):
                    _, body = it.next()
                    assert (body["turn_id"], body["seq"]) == (f"t{number}", number)
                    arrived += 1
                child.signal(signal.SIGKILL)
                child.wait(WAIT_S)


def test_another_run_counts_anew() -> None:
    """A new run of the daemon in the same folder starts at 1.

    Its turns are its own, unless it goes on with the samples of the other: then what that one published
    is neither published again nor pending.
    """
    with around() as it:
        with running(it):
            it.say(final(1, "first-mic-0", 0, 100))
            it.say(Event(None, "mic", {"turns": "first-mic"}, 2, Settlement(100, 150, 100)))
            assert it.next()[1]["seq"] == 1
            assert [it.settled().stop, it.settled().stop] == [100, 150]
            assert [it.acked().number, it.acked().number] == [1, 2]
        settings = RunFile.read(it.path).settings
        RunFile("run2", settings, frozenset()).write(it.path)
        with running(it):
            it.say(final(1, "first-mic-0", 0, 100))
            it.say(final(2, "first-mic-100", 100, 250))
            assert [it.settled().stop, it.settled().stop] == [150, 100]
            assert [it.acked().number, it.acked().number] == [1, 2]
            body = it.next()[1]
            assert (body["run"], body["seq"], body["turn_id"]) == ("run2", 1, "first-mic-100")
        RunFile("run3", settings, frozenset()).write(it.path)
        with running(it):
            it.say(final(1, "run3-mic-0", 0, 100))
            body = it.next()[1]
            assert (body["run"], body["seq"]) == ("run3", 1)


def test_settlements_wait_for_a_capture_that_is_away() -> None:
    """They are kept until capture reads again, in order."""
    with around() as it:
        it.positions.close(linger=0)
        with running(it):
            it.say(final(1, "t1", 0, 100), Event(None, "mic", {"turns": ""}, 2, Settlement(100, 250, 100)))
            assert it.next()[1]["turn_id"] == "t1"
            it.positions = it.pipes.pull(POSITIONS)
            assert [it.settled(), it.settled()] == [
                Settled("mic", 0, 100, 100),
                Settled("mic", 100, 250, 100),
            ]


def test_a_journal_that_cannot_be_written_holds_nothing_up() -> None:
    """Finals flow, the fault is counted, and the rows come once the folder can be made."""
    with around() as it:
        (it.path / "state").write_text("in the way")
        with running(it):
            it.say(final(1, "t1", 0, 100))
            assert it.next()[1]["turn_id"] == "t1"
            until(lambda: it.report().counters.get("journal_faults", 0) > 0, WAIT_S, "the fault")
            until(lambda: it.report().faults, WAIT_S, "the fault with its reason")
            assert it.report().own["journal_rows"] == 0
            (fault,) = it.report().faults
            assert (fault["what"], "journal.sqlite3" in str(fault["detail"])) == ("journal", True)
            (it.path / "state").unlink()
            until(
                lambda: it.report().own["journal_rows"] == 1 and not it.report().faults,
                WAIT_S,
                "the journal to heal",
            )


def test_the_journal_answers_the_same_after_a_kill() -> None:
    """What a subscriber got is what `history` returns, also from the process that follows."""
    with around() as it:
        with running(it) as child:
            it.say(final(1, "t1", 0, 100), final(2, "t2", 100, 200))
            heard = [{**body, "topic": topic} for topic, body in (it.next(), it.next())]
            before = it.asked(1, "history", source="mic", after=0)
            assert before == {"more": False, "transcripts": heard}
            assert [it.acked().number, it.acked().number] == [1, 2]
            child.signal(signal.SIGKILL)
            child.wait(WAIT_S)
        with running(it):
            assert it.asked(2, "history", source="mic", after=0) == before
            assert it.asked(3, "history", source="mic", after=1)["transcripts"] == heard[1:]
            assert it.asked(4, "search", words="hello", limit=1)["transcripts"] == heard[1:]


def test_what_is_forgotten_is_gone_from_the_answers_and_the_count() -> None:
    """Also from what waits for a disk."""
    with around() as it, running(it):
        it.say(final(1, "t1"), final(2, "t2"))
        it.next()
        until(lambda: it.report().own["journal_rows"] == 2, WAIT_S, "the rows")
        assert it.asked(1, "forget", since=0, dry_run=True) == {"finals": 2, "events": 0}
        assert it.asked(2, "forget", since=0, until=2e9) == {"finals": 2, "events": 0, "left": []}
        assert it.asked(3, "history", run="*")["transcripts"] == []
        until(lambda: it.report().own["journal_rows"] == 0, WAIT_S, "the count")
        it.say(final(3, "t3"))
        until(lambda: it.report().own["journal_rows"] == 1, WAIT_S, "the row that came after")


@pytest.mark.parametrize(
    ("op", "args", "code"),
    [
        ("history", {"limit": 0}, Code.BAD_VALUE),
        ("history", {"source": "mike"}, Code.UNKNOWN_SOURCE),
        ("search", {}, Code.BAD_REQUEST),
        ("search", {"words": "()"}, Code.BAD_VALUE),
        ("forget", {}, Code.BAD_VALUE),
        ("forget", {"source": "mike"}, Code.UNKNOWN_SOURCE),
        ("dance", {}, Code.UNKNOWN_OP),
    ],
)
def test_what_the_journal_cannot_answer(op: str, args: Body, code: Code) -> None:
    """The client hears why, and the process goes on."""
    with around() as it, running(it):
        it.order(1, op, **args)
        assert it.answer(1).code is code
        assert it.answer(1).message
        it.say(final(1, "t1"))
        it.next()
        assert it.asked(2, "history")["transcripts"] != []


def test_without_a_journal_there_is_nothing_to_ask() -> None:
    """The message says how to have one."""
    with around(Publish(journal=False)) as it, running(it):
        it.order(1, "history")
        assert it.answer(1).code is Code.NOT_AVAILABLE
        assert "set `publish.journal = true`" in it.answer(1).message


def test_finals_flow_while_the_journal_is_searched_and_emptied() -> None:
    """Thousands of rows are indexed and deleted, and what is said meanwhile is published.

    How little the writer waits for it is a matter of `test_lookup`.
    """
    with around() as it, running(it):
        for number in range(1, 3001):
            it.events.send(final(number, f"t{number}").pack())
        for _ in range(3000):
            it.next()
        it.order(1, "forget", all=True)
        it.order(2, "search", words="hello")
        for number in range(3001, 3101):
            it.say(final(number, f"t{number}"))
            assert it.next()[1]["seq"] == number
        assert it.answer(2).packed
        gone = it.answer(1).result["finals"]
        assert isinstance(gone, int)
        assert gone >= 3000
        rest = it.asked(3, "history")["transcripts"]
        assert [body["seq"] for body in rest] == list(range(gone + 1, 3101))


def test_stop_publishes_what_is_on_its_way() -> None:
    """The last final and the last status are sent before the process ends with 0."""
    with around() as it, running(it) as child:
        it.say(*(final(number, f"t{number}", number, number + 1) for number in range(1, 301)))
        it.say(Event(Topic.STATUS, "", {"state": "draining"}))
        it.reports.send_multipart([b"publish", Order(1, "stop").pack()])
        heard = [it.next() for _ in range(301)]
        assert [body["seq"] for topic, body in heard if topic.startswith("transcript")] == list(range(1, 301))
        assert heard[-1][1]["state"] == "draining"
        assert child.wait(WAIT_S) == 0
        assert len(journalled(it.path)) == 300


def test_stop_waits_for_what_is_on_its_way_though_the_machine_stood_still() -> None:
    """Time alone says nothing: of what has arrived, all is published, however late that is."""
    for _ in range(5):
        with around() as it, running(it) as child:
            it.order(1, "stop")
            it.answer(1)
            child.signal(signal.SIGSTOP)
            it.say(*(final(number, f"t{number}", number, number + 1) for number in range(1, 601)))
            # It would end so long after the order, whatever comes.
            time.sleep(process.STOP_S + 0.2)
            child.signal(signal.SIGCONT)
            assert child.wait(WAIT_S) == 0
            published = sorted(seq for _, seq in journalled(it.path))
            # Where it was stopped too late, it had read its last already: that is another try.
            if published:
                assert published == list(range(1, 601))
                return
    pytest.fail("it had always ended before it could be stopped")


def test_nobody_else_can_connect_or_read() -> None:
    """Socket and files belong to their owner alone."""
    with around() as it, running(it):
        it.say(final(1, "t1", 0, 100))
        it.next()
        for name in ("transcripts", "events", "publish.seq", "publish.seen", "publish.once"):
            assert stat.S_IMODE((it.path / name).stat().st_mode) & 0o077 == 0, name


def test_an_endpoint_that_cannot_be_bound_is_one_line() -> None:
    """No traceback: the folder of the endpoint is not there."""
    with folder() as path:
        endpoint = f"ipc://{path}/missing/transcripts"
        settings = Settings(runtime_dir=str(path), state_dir=str(path), publish=Publish(endpoint=endpoint))
        RunFile("run1", settings, frozenset()).write(path)
        argv = [sys.executable, "-m", "heard.publish", "--runtime-dir", str(path)]
        with started(argv, limit_s=90) as child:
            assert child.wait(WAIT_S) == 1
            (line,) = child.complained().splitlines()
            assert endpoint in line
            assert "No such file or directory" in line


def test_kills_in_the_middle_of_the_stream() -> None:
    """No turn and no number twice, every turn in the journal under its number, and all of it settled.

    A message that was under way when its process was killed may be missing; then its number is, too.
    """
    kills, each, ahead = 3, 40, 7
    turns = {number: f"t{number}" for number in range(1, kills * each + 1)}
    heard: list[tuple[str, int]] = []
    unacked = deque(turns)
    with around() as it:
        argv = [sys.executable, "-m", "heard.publish", "--runtime-dir", str(it.path)]
        with running(it) as child:
            child.signal(signal.SIGKILL)
            child.wait(WAIT_S)
        settled: list[tuple[int, int, int]] = []

        def collect() -> bool:
            """Take in what came, and say whether all was acknowledged."""
            while it.subscriber.poll(0):
                _, data = it.subscriber.recv_multipart()
                body = msgpack.unpackb(data)
                heard.append((body["turn_id"], body["seq"]))
            while it.positions.poll(0):
                position = it.settled()
                settled.append((position.start, position.stop, position.anchor))
            while it.acks.poll(0):
                covered(it.acked())
            return not unacked

        def covered(ack: Ack) -> None:
            while unacked and unacked[0] <= ack.number:
                unacked.popleft()

        def greeted() -> None:
            """Wait for the new process; what the one before acknowledged last may come first."""
            while not (ack := it.acked()).fresh:
                covered(ack)

        for kill in range(1, kills + 1):
            with started(argv, limit_s=110) as child:
                greeted()
                # Like upstream: all that is not acknowledged again, then what is new, a few at a time.
                sent = unacked[0] - 1
                while unacked and unacked[0] <= kill * each:
                    limit = min(unacked[0] + ahead, kill * each + ahead, len(turns) + 1)
                    it.say(*(final(n, turns[n], 10 * n, 10 * n + 10) for n in range(sent + 1, limit)))
                    sent = max(sent, limit - 1)
                    before = unacked[0]
                    until(lambda mark=before: collect() or unacked[0] > mark, WAIT_S, "an ack")  # type: ignore[misc]
                child.signal(signal.SIGKILL)
                child.wait(WAIT_S)
        with started(argv, limit_s=110):
            greeted()
            # Once more, far more than could ever be on its way: nothing of it is new.
            unacked.extend(list(turns)[-FINALS:])
            it.say(*(final(n, turns[n], 10 * n, 10 * n + 10) for n in unacked))
            until(collect, WAIT_S, "the last acknowledgement")
            last = 10 * len(turns) + 10
            # Acknowledgements, settlements and messages come on pipes of their own.
            until(lambda: collect() and joined(settled) == [(10, last, last)], WAIT_S, "all to be settled")
            while it.subscriber.poll(1000):
                collect()
        assert len({turn for turn, _ in heard}) == len(heard)
        assert len({seq for _, seq in heard}) == len(heard)
        assert [seq for _, seq in heard] == sorted(seq for _, seq in heard)
        # Also the first process may find that its subscriber is not back yet.
        assert len(heard) >= len(turns) - (kills + 1) * ahead
        kept = dict(journalled(it.path))
        assert kept.keys() == set(turns.values())
        assert all(kept[turn] == seq for turn, seq in heard)
