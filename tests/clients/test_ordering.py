"""Every final exactly once and in order, whatever the socket drops, repeats and breaks off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heard.wire.codec import Body
from heard.wire.topics import Topic, full
from heard_client.cursor import Cursor
from heard_client.messages import Message
from heard_client.ordering import Ordering
from heard_client.parsing import from_body
from heard_client.sequences import Missed

from .peers import final

REPAIR_S = 5.0
SOURCES = ("line", "mic")


def message(topic: str, body: Body) -> Message:
    made = from_body(topic, body)
    assert made is not None
    return made


@dataclass
class World:
    """A daemon as a subscriber sees it: a journal that has all, and a socket whose messages a test may lose.

    gone  the journal cannot be read
    """

    run: str = "a"
    now: float = 1000.0
    gone: bool = False
    page: int = 3
    journal: list[Message] = field(default_factory=list)
    events: list[Message] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    asked: list[Body] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start(self.run)

    def start(self, run: str) -> None:
        """Begin a run of the daemon."""
        self.run, self.newest = run, {}
        for source in SOURCES:
            self.now += 0.1
            self.events.append(
                message(f"source.{source}", {"run": run, "seq": 1, "time": self.now, "event": "live"})
            )

    def final(
        self, source: str, *, void: bool = False, topic: Topic = Topic.FINAL, turn: str = ""
    ) -> Message:
        """Journal the next final and return it as the socket would carry it; `void` numbers have none."""
        self.now += 0.1
        name = full(topic, source)
        seq = self.newest[name] = self.newest.get(name, 0) + 1
        turn = turn or f"{self.run}-{source}-{seq}"
        body = final(turn, turn, run=self.run, seq=seq, time=self.now, start=self.now, source=source)
        made = message(name, body)
        if not void:
            self.journal.append(made)
        return made

    def status(self) -> Message:
        """Return the status as it is published now."""
        self.now += 0.1
        body: Body = {
            "run": self.run,
            "seq": 1,
            "time": self.now,
            "sources": {source: {} for source in SOURCES},
            "publish": {"seq": dict(self.newest)},
        }
        return message("status", body)

    def history(self, args: Body) -> tuple[list[Message], str | None]:
        """Answer as the op does."""
        self.asked.append(args)
        rows = self.events if args.get("events") else self.journal
        if args["run"] != "*":
            rows = [row for row in rows if (row.run, row.source) == (args["run"], args["source"])]
        if "since" in args:
            rows = [row for row in rows if row.time >= float(str(args["since"]))]
        if args.get("revised"):
            rows = [row for row in rows if row.topic.startswith(Topic.REVISED)]
        elif not args.get("events"):
            rows = [row for row in rows if row.topic.startswith(Topic.FINAL)]
        if "after" in args and not args.get("revised"):
            rows = [row for row in rows if row.seq > int(str(args["after"]))]
        begin = int(str(args.get("cursor", 0)))
        end = begin + self.page
        return rows[begin:end], str(end) if end < len(rows) else None


class Reader:
    """A subscriber without sockets: takes what a test lets through, and asks the world."""

    def __init__(self, world: World, cursor: Cursor | None = None, since: float | None = None) -> None:
        self.world = world
        self.clock = 0.0
        self.handed: list[Message | Missed] = []
        self.cursors: list[Cursor] = []
        self.ordering = Ordering(
            lambda topic: topic.startswith("transcript."), repair_s=REPAIR_S, cursor=cursor, since=since
        )

    def take(self, *messages: Message) -> None:
        """Let messages arrive."""
        for each in messages:
            self.ordering.take(each, self.clock)
            self._collect()

    def ask(self, *, answers: bool = True) -> None:
        """Send what is to be asked, and have it answered (or not) until nothing more is due."""
        while due := self.ordering.queries(self.clock):
            for number, args in due:
                if not answers:
                    continue
                if self.world.gone:
                    self.ordering.failed(number, "no-journal", self.clock)
                else:
                    self.ordering.answered(number, *self.world.history(args), self.clock)
                self._collect()
        self._collect()

    def settle(self) -> None:
        """Let time pass until nothing is waited for; it must not be for ever."""
        began = self.clock
        self.ask()
        while (wait_s := self.ordering.wait_s(self.clock)) is not None:
            self.clock += max(wait_s, 0.01)
            assert self.clock < began + 20 * REPAIR_S, "it waits without an end"
            self.ask()

    def ids(self, source: str = "") -> list[str]:
        """Return the turns handed over."""
        return texts((each for each in self.handed if isinstance(each, Message)), source)

    def missed(self) -> list[Missed]:
        """Return the holes that were told."""
        return [each for each in self.handed if isinstance(each, Missed)]

    def _collect(self) -> None:
        while self.ordering.ready:
            thing, cursor = self.ordering.ready.popleft()
            self.handed.append(thing)
            self.cursors.append(cursor)


def texts(messages: Iterable[Message], source: str = "") -> list[str]:
    return [str(each.body["text"]) for each in messages if source in each.source]


def test_without_a_hole_nothing_is_asked() -> None:
    """What arrives in order is handed over at once."""
    world = World()
    reader = Reader(world)
    sent = [world.final("mic") for _ in range(3)]
    reader.take(*sent[1:], world.status())
    reader.ask()
    assert reader.ids() == texts(sent[1:])
    assert world.asked == []


def test_a_hole_is_filled_before_what_follows_it() -> None:
    """The final behind the hole waits; those of other sources do not."""
    world = World()
    reader = Reader(world)
    sent = [world.final("mic") for _ in range(9)]
    other = world.final("line")
    reader.take(sent[0], sent[8], other)
    assert reader.ids() == [*texts(sent[:1]), *texts([other])]
    reader.ask()
    assert reader.ids("mic") == texts(sent)
    assert world.asked[0] == {"run": "a", "source": "mic", "after": 1}


def test_a_hole_with_nothing_behind_it_is_found_by_the_status() -> None:
    """Nobody waits for the next final to hear of the one that was dropped."""
    world = World()
    reader = Reader(world)
    reader.take(world.status())
    dropped = world.final("mic")
    reader.take(world.status())
    reader.ask()
    assert reader.ids() == texts([dropped])


def test_what_was_published_before_joining_is_not_missed() -> None:
    """Without `since` a subscriber begins where it is."""
    world = World()
    reader = Reader(world)
    world.final("mic")
    reader.take(world.status(), sent := world.final("mic"))
    reader.settle()
    assert reader.ids() == texts([sent])
    assert world.asked == []


def test_the_end_of_a_run_comes_before_the_next_run() -> None:
    """What the old run published last never arrived; the new one's first final has to wait for it."""
    world = World()
    reader = Reader(world)
    reader.take(first := world.final("mic"), world.status())
    lost = [world.final("mic"), world.final("line")]
    world.start("b")
    new = world.final("mic")
    reader.take(new)
    assert reader.ids() == texts([first])
    reader.ask()
    assert reader.ids("mic") == texts([first, lost[0], new])
    assert reader.ids("line") == texts([lost[1]])
    assert reader.handed[-1] is new


def test_a_run_that_came_and_went_unseen_is_found() -> None:
    """A daemon may be restarted twice while its subscriber is stopped."""
    world = World()
    reader = Reader(world)
    reader.take(first := world.final("mic"), world.status())
    world.start("b")
    unseen = [world.final("line"), world.final("mic"), world.final("mic")]
    world.start("c")
    reader.take(world.status(), last := world.final("mic"))
    reader.settle()
    assert reader.ids("mic") == texts([first, *unseen[1:], last])
    assert reader.ids("line") == texts(unseen[:1])


@pytest.mark.parametrize("page", [1, 2, 3, 50])
def test_a_late_start_hears_what_was_said_before(page: int) -> None:
    """`since`: of all runs, oldest first, page by page, and nothing twice that also arrives."""
    world = World(page=page)
    world.final("mic")
    since = world.now + 0.05
    before = [world.final(source) for source in ("mic", "line", "mic", "mic", "line")]
    world.start("b")
    before.append(world.final("mic"))
    reader = Reader(world, since=since)
    reader.take(live := world.final("mic"), world.status())
    assert reader.ids() == []
    reader.ask()
    assert reader.ids() == texts([*before, live])
    reader.take(live, after := world.final("mic"))
    assert reader.ids() == texts([*before, live, after])
    assert reader.ordering.cursor.seq["transcript.final.mic"] == after.seq


def test_a_number_that_was_used_for_nothing_is_told_and_does_not_stop_it() -> None:
    """`publish` was killed between number and journal: the journal, which has a later one, never has it."""
    world = World()
    reader = Reader(world)
    reader.take(world.final("mic"))
    world.final("mic", void=True)
    reader.take(world.final("mic"))
    reader.ask()
    assert [type(each) is Missed for each in reader.handed] == [False, True, False]
    assert reader.missed() == [Missed("transcript.final.mic", "a", 2, 2, "not-in-journal")]


def test_a_turn_that_is_published_again_comes_once() -> None:
    """`publish` was killed between journal and socket; the journal was asked meanwhile."""
    world = World()
    reader = Reader(world)
    reader.take(world.status())
    world.final("mic", turn="t1")
    reader.take(world.status())
    reader.ask()
    reader.take(world.final("mic", turn="t1"), world.final("mic", turn="t2"))
    assert reader.ids() == ["t1", "t2"]
    assert reader.missed() == []


def test_without_a_journal_the_hole_is_told_in_time_and_the_next_at_once() -> None:
    """Later finals wait for a process that may be restarting, but not for ever, and not every time."""
    world = World(gone=True)
    reader = Reader(world)
    reader.take(world.final("mic"))
    world.final("mic")
    reader.take(world.final("mic"))
    reader.settle()
    assert REPAIR_S <= reader.clock <= REPAIR_S + 1
    assert reader.missed() == [Missed("transcript.final.mic", "a", 2, 2, "no-journal")]
    world.final("mic")
    reader.take(world.final("mic"))
    reader.ask()
    assert reader.missed()[1:] == [Missed("transcript.final.mic", "a", 4, 4, "no-journal")]
    assert len(reader.ids()) == 3


def test_a_daemon_that_never_answers_is_given_up() -> None:
    """So does a request that cannot be sent: time alone ends it."""
    world = World()
    reader = Reader(world)
    reader.take(world.final("mic"))
    world.final("mic")
    reader.take(last := world.final("mic"))
    while (wait_s := reader.ordering.wait_s(reader.clock)) is not None:
        reader.clock += max(wait_s, 0.01)
        reader.ask(answers=False)
    assert REPAIR_S <= reader.clock <= REPAIR_S + 1
    assert reader.missed() == [Missed("transcript.final.mic", "a", 2, 2, "no-answer")]
    assert reader.handed[-1] is last


def test_without_a_journal_the_end_of_a_run_is_told_to_be_unknown() -> None:
    """Whether the old run published more cannot be known: `last` is None."""
    world = World(gone=True)
    reader = Reader(world)
    reader.take(world.final("mic"), world.status())
    world.start("b")
    reader.take(new := world.final("mic"))
    reader.settle()
    unknown = [each for each in reader.missed() if each.topic == "transcript.final.mic"]
    assert unknown == [Missed("transcript.final.mic", "a", 2, None, "no-journal")]
    assert unknown[0].count == 0
    assert reader.handed[-1] is new


def test_a_correction_comes_behind_what_it_corrects() -> None:
    """Also where the final was dropped and the correction arrived."""
    world = World()
    reader = Reader(world)
    reader.take(world.status())
    lost = world.final("mic")
    reader.take(revised := world.final("mic", topic=Topic.REVISED, turn="a-mic-1"))
    reader.take(world.status())
    reader.ask()
    reader.take(world.status())
    assert [each.topic for each in reader.handed if isinstance(each, Message)] == [lost.topic, revised.topic]


def test_a_correction_that_was_dropped_is_fetched() -> None:
    """The journal has it in the place of its final."""
    world = World()
    reader = Reader(world)
    reader.take(world.status(), world.final("mic"))
    lost = world.final("mic", topic=Topic.REVISED, turn="a-mic-1")
    reader.take(world.status())
    reader.ask()
    assert reader.handed[-1] == lost


def test_a_cursor_says_where_to_go_on() -> None:
    """Also for a source that had said nothing yet, and over a restart of the daemon."""
    world = World()
    reader = Reader(world)
    reader.take(world.status(), first := world.final("mic"))
    reader.settle()
    cursor = Cursor.from_json(reader.ordering.cursor.to_json())
    assert cursor == reader.ordering.cursor
    missed = [world.final("line"), world.final("mic")]
    for restarted in (False, True):
        if restarted:
            world.start("b")
            missed.append(world.final("mic"))
        again = Reader(world, cursor)
        again.take(world.status())
        again.settle()
        for source in SOURCES:
            assert again.ids(source) == texts(missed, source)
    assert first not in again.handed


def test_runs_before_the_cursors_are_not_begun_again() -> None:
    """They ended shortly before, and whoever goes on knows nothing of them but that."""
    world = World()
    world.final("mic")
    world.start("b")
    reader = Reader(world)
    reader.take(world.status(), world.final("mic"), world.status())
    cursor = reader.ordering.cursor
    missed = world.final("mic")
    world.start("c")
    again = Reader(world, cursor)
    again.take(world.status(), new := world.final("mic"))
    again.settle()
    assert again.ids() == texts([missed, new])


def test_a_cursor_behind_each_message_is_the_one_it_is_handed_over_with() -> None:
    """Whoever keeps it with the message has neither a hole nor a double after a crash."""
    world = World()
    reader = Reader(world)
    reader.take(world.status(), *[world.final(source) for source in ("mic", "line", "mic", "line", "mic")])
    whole = reader.ids("mic")
    for stopped, cursor in enumerate(reader.cursors):
        again = Reader(world, cursor)
        again.take(world.status())
        again.settle()
        handed = reader.handed[: stopped + 1]
        rest = [each for each in handed if isinstance(each, Message) and each.source == "mic"]
        assert texts(rest) + again.ids("mic") == whole


EVENTS = st.lists(
    st.sampled_from(
        [
            "final mic",
            "final line",
            "final mic",
            "void mic",
            "status",
            "status",
            "restart",
            "ask",
            "away",
            "back",
        ]
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(
    events=EVENTS,
    lost=st.sets(st.integers(0, 60)),
    doubled=st.sets(st.integers(0, 60)),
    resume=st.integers(0, 60),
    page=st.integers(1, 5),
)
def test_whatever_is_dropped_doubled_or_restarted(
    events: list[str], lost: set[int], doubled: set[int], resume: int, page: int
) -> None:
    """All finals behind the first status come once and in order; what the journal never had is told.

    At event `resume` the subscriber is stopped, and another goes on from its cursor.
    """
    world = World(page=page)
    reader = Reader(world)
    reader.take(world.status())
    sent: list[Message] = []
    void: list[tuple[str, int]] = []
    handed: list[Message | Missed] = []
    away = False
    for number, event in enumerate(events):
        arriving: list[Message] = []
        match event.split():
            case ["final", source]:
                sent.append(world.final(source))
                arriving = [sent[-1]]
            case ["void", source]:
                void.append((world.run, world.final(source, void=True).seq))
            case ["status"]:
                arriving = [world.status()]
            case ["restart"]:
                world.start(f"{world.run[0]}{number}")
            case ["ask"]:
                reader.ask()
            case [state]:
                # Stopped: everything is dropped until it is back.
                away = state == "away"
        if not away and number not in lost:
            reader.take(*arriving * (1 + (number in doubled)))
        if number == resume:
            handed = reader.handed
            reader = Reader(world, Cursor.from_json(reader.ordering.cursor.to_json()))
    reader.take(world.status())
    reader.settle()
    handed = handed + reader.handed
    for source in SOURCES:
        came = [each for each in handed if isinstance(each, Message) and each.source == source]
        assert texts(came) == texts(sent, source)
    told = [
        (each.run, seq)
        for each in handed
        if isinstance(each, Missed) and each.last is not None
        for seq in range(each.first, each.last + 1)
    ]
    assert sorted(told) == sorted(set(told))
    assert set(told) <= set(void)
